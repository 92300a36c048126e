import { Point, getPublicKeyAsync, hashes, signAsync } from "@noble/ed25519";
import { signatureBytes } from "./ed25519-encoding.ts";

// For runtimes whose WebCrypto has no Ed25519. Loaded only there: it stays out of the main bundle.

const groupOrder = Point.CURVE().n;

/**
 * Verifies with noble's arithmetic but not with its `verify`, whose verdicts differ from those of every engine: S·B - k·A
 * is compared with the bytes of R, without the cofactor. Encodings must have been checked before.
 */
export async function verifyWithNoble(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const hashed = new Uint8Array(signatureBytes + message.length);
  hashed.set(signature.subarray(0, 32));
  hashed.set(publicKey, 32);
  hashed.set(message, signatureBytes);
  const k = fromLittleEndian(await hashes.sha512Async(hashed)) % groupOrder;
  let point: Point;
  try {
    point = Point.fromBytes(publicKey);
  } catch {
    return false;
  }
  const s = fromLittleEndian(signature.subarray(32));
  const expected = Point.BASE.multiply(s, false).subtract(point.multiply(k, false)).toBytes();
  return expected.every((byte, at) => byte === signature[at]);
}

export function signWithNoble(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  return signAsync(message, privateKey);
}

export function derivePublicKeyWithNoble(privateKey: Uint8Array): Promise<Uint8Array> {
  return getPublicKeyAsync(privateKey);
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  return value;
}
