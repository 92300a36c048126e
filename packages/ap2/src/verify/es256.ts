import { plainBytes, utf8, webCrypto } from "@imprest/core/internal";
import type { Jwk } from "@imprest/core/audit";

/** A public P-256 key (RFC 7518 §6.2), ready to verify with. */
export type VerifyingKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** The key of a JWK; `undefined` when it is no sound public P-256 key, or one that is published with its secret. */
export async function readKey(jwk: Jwk): Promise<VerifyingKey | undefined> {
  const { kty, crv, x, y, d, alg, use } = (jwk ?? {}) as Partial<Jwk>;
  if (kty !== "EC" || crv !== "P-256" || d !== undefined || typeof x !== "string" || typeof y !== "string")
    return undefined;
  if ((alg !== undefined && alg !== "ES256") || (use !== undefined && use !== "sig")) return undefined;
  try {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    return await webCrypto().importKey("jwk", { kty, crv, x, y }, algorithm, false, ["verify"]);
  } catch {
    return undefined;
  }
}

/** Whether `signature` (r and s, 64 bytes) is one of `text` (RFC 7515 §A.3). */
export async function isSigned(key: VerifyingKey, text: string, signature: Uint8Array): Promise<boolean> {
  if (signature.length !== 64) return false;
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  return webCrypto().verify(algorithm, key, plainBytes(signature), plainBytes(utf8(text)));
}
