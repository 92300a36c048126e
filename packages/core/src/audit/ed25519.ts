import { ImprestError } from "../errors/imprest-error.ts";
import { ValidationError } from "../errors/local-errors.ts";
import { parseBase64url } from "../platform/encoding.ts";
import { isSoundPoint, isSoundSignature, publicKeyBytes } from "./ed25519-encoding.ts";
import { plainBytes, webCrypto } from "../platform/web-crypto.ts";

/** An Ed25519 key pair in the raw form of RFC 8032: keep `privateKey` out of logs. */
export interface Ed25519KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32-byte seed. */
  readonly privateKey: Uint8Array;
}

const algorithm = { name: "Ed25519" };

/**
 * Verifies an Ed25519 signature (RFC 8032 §5.1.7, no prehash) with one verdict on every runtime: lengths, S < L, and
 * neither A nor R of small order or in a non-canonical encoding are checked first, then WebCrypto decides, or, where it
 * has no Ed25519, the same cofactorless equation in JavaScript.
 * @param publicKey 32 bytes.
 * @param signature 64 bytes. Anything of another shape is false, never an exception.
 */
export async function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== publicKeyBytes || !isSoundSignature(signature) || !isSoundPoint(publicKey)) return false;
  const key = await importedKey(publicKey);
  if (key === "invalid") return false;
  if (key !== "unsupported") return webCrypto().verify(algorithm, key, plainBytes(signature), plainBytes(message));
  const { verifyWithNoble } = await import("./ed25519-fallback.ts");
  return verifyWithNoble(publicKey, message, signature);
}

/**
 * Signs with Ed25519 (RFC 8032 §5.1.6).
 * @param privateKey the 32-byte seed.
 * @returns 64 bytes.
 * @throws ValidationError when the seed has another length.
 */
export async function signEd25519(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const key = await importSeed(privateKey, false);
  if (key !== undefined) return new Uint8Array(await webCrypto().sign(algorithm, key, plainBytes(message)));
  const { signWithNoble } = await import("./ed25519-fallback.ts");
  return signWithNoble(privateKey, message);
}

/** A fresh Ed25519 key pair. */
export function generateKeyPair(): Promise<Ed25519KeyPair> {
  return keyPairFromSeed(crypto.getRandomValues(new Uint8Array(publicKeyBytes)));
}

/** The key pair of a 32-byte seed. @throws ValidationError when the seed has another length. */
export async function keyPairFromSeed(privateKey: Uint8Array): Promise<Ed25519KeyPair> {
  const key = await importSeed(privateKey, true);
  const exported = key === undefined ? undefined : await webCrypto().exportKey("jwk", key);
  const publicKey = parseBase64url(exported?.x ?? "");
  if (publicKey?.length === publicKeyBytes) return { publicKey, privateKey: Uint8Array.from(privateKey) };
  const { derivePublicKeyWithNoble } = await import("./ed25519-fallback.ts");
  return { publicKey: await derivePublicKeyWithNoble(privateKey), privateKey: Uint8Array.from(privateKey) };
}

type Imported = CryptoKey | "invalid" | "unsupported";

/** Importing costs more than a tenth of a verification, and a file of events has few keys. */
const maxImportedKeys = 256;
const importedKeys = new Map<string, Promise<Imported>>();

function importedKey(publicKey: Uint8Array): Promise<Imported> {
  const id = String.fromCharCode(...publicKey);
  const known = importedKeys.get(id);
  if (known !== undefined) return known;
  const [oldest] = importedKeys.keys();
  if (importedKeys.size >= maxImportedKeys && oldest !== undefined) importedKeys.delete(oldest);
  const imported = importPublicKey(publicKey);
  importedKeys.set(id, imported);
  return imported;
}

async function importPublicKey(publicKey: Uint8Array): Promise<Imported> {
  try {
    return await webCrypto().importKey("raw", plainBytes(publicKey), algorithm, false, ["verify"]);
  } catch (error) {
    if (ImprestError.isInstance(error)) throw error;
    return isUnsupported(error) ? "unsupported" : "invalid";
  }
}

/** PKCS #8 around a seed (RFC 8410 §7): the only form in which WebCrypto takes a seed without its public key. */
const pkcs8Prefix = [0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];

/** `undefined` where WebCrypto has no Ed25519. */
async function importSeed(seed: Uint8Array, extractable: boolean): Promise<CryptoKey | undefined> {
  if (seed.length !== publicKeyBytes) {
    throw new ValidationError("Ed25519 private key", [{ pointer: "", message: "must be a seed of 32 bytes" }]);
  }
  try {
    const pkcs8 = new Uint8Array([...pkcs8Prefix, ...seed]);
    return await webCrypto().importKey("pkcs8", pkcs8, algorithm, extractable, ["sign"]);
  } catch (error) {
    if (isUnsupported(error)) return undefined;
    throw error;
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === "NotSupportedError";
}
