import { ConfigurationError } from "../errors/local-errors.ts";

/**
 * The platform's WebCrypto.
 * @throws ConfigurationError where there is none, which is a page that was not served over HTTPS.
 */
export function webCrypto(): typeof crypto.subtle {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle !== undefined) return subtle;
  throw new ConfigurationError("WebCrypto is missing here: serve the page over HTTPS, or from localhost.");
}

/** WebCrypto's types refuse shared memory; it copies what it is given. */
export function plainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
