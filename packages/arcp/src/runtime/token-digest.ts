import { hex, utf8 } from "@imprest/core/internal";

/** The SHA-256 of a text, by which a store knows a token without having it. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", utf8(text) as Uint8Array<ArrayBuffer>);
  return hex(new Uint8Array(digest));
}
