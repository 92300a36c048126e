import { hex, plainBytes, utf8, webCrypto } from "@imprest/core/internal";

/** SHA-256 over UTF-8. @throws ConfigurationError where there is no WebCrypto: a page that was not served over HTTPS. */
export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await webCrypto().digest("SHA-256", plainBytes(utf8(text))));
}

/** As `sha256`, in 64 lower-case hex digits. */
export async function sha256Hex(text: string): Promise<string> {
  return hex(await sha256(text));
}

/** The first half of `sha256Hex`: fixed length, and fit for a header. */
export async function halfSha256Hex(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 32);
}
