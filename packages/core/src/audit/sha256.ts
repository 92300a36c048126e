import { hex } from "../platform/encoding.ts";
import { plainBytes, webCrypto } from "../platform/web-crypto.ts";

/** SHA-256 as 64 lower-case hex digits. Takes bytes, never a text: two encodings would give two digests. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return hex(new Uint8Array(await webCrypto().digest("SHA-256", plainBytes(bytes))));
}
