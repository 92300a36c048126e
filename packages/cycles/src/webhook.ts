import { VerificationError } from "@imprest/core";
import { type Secret, parseHex, utf8 } from "@imprest/core/internal";

/** The header that carries the signature (Cycles §Webhook delivery). */
export const signatureHeader = "x-cycles-signature";

/**
 * Checks that a delivery was signed with the subscription's secret: HMAC-SHA256 over the raw bytes, compared in
 * constant time. Fails closed: a delivery without a signature is refused, because the reference service sends none for
 * a subscription that has no secret. The signature holds no time, so a repeated delivery verifies too: drop it by
 * `event_id` (`createWebhookHandler` does).
 * @param body the bytes as they came, not parsed and written again.
 * @param signature the `X-Cycles-Signature` header.
 * @throws VerificationError with reason `signature_missing`, `signature_malformed` or `signature_mismatch`.
 */
export async function verifyWebhook(
  body: Uint8Array | string,
  signature: string | null | undefined,
  secret: string | Secret,
): Promise<void> {
  if (signature === null || signature === undefined || signature === "") {
    throw new VerificationError("signature_missing", "The delivery is not signed; give the subscription a secret.");
  }
  const mac = /^sha256=[0-9a-f]{64}$/.test(signature) ? parseHex(signature.slice("sha256=".length)) : undefined;
  if (mac === undefined) {
    throw new VerificationError("signature_malformed", "The signature is not sha256= and 64 lower-case hex digits.");
  }
  const bytes = typeof body === "string" ? utf8(body) : body;
  // `verify` compares in constant time (Web Cryptography §HMAC).
  if (await crypto.subtle.verify("HMAC", await importSecret(secret), owned(mac), owned(bytes))) return;
  throw new VerificationError("signature_mismatch", "The delivery was not signed with this secret, or was changed.");
}

async function importSecret(secret: string | Secret): Promise<CryptoKey> {
  const text = typeof secret === "string" ? secret : secret.reveal();
  if (text === "")
    throw new VerificationError("secret_missing", "The webhook secret is empty; nothing can be verified.");
  return crypto.subtle.importKey("raw", owned(utf8(text)), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/** Web Crypto takes no views of shared memory; every view here is of plain memory. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
