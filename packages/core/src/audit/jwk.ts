import { ValidationError } from "../errors/local-errors.ts";
import { base64url, parseBase64url } from "../platform/encoding.ts";
import { isSoundPoint, publicKeyBytes } from "./ed25519-encoding.ts";
import { type Ed25519KeyPair, keyPairFromSeed } from "./ed25519.ts";

/** A JSON Web Key as it stands in a key set (RFC 7517); unknown members are kept and ignored. */
export interface Jwk {
  readonly kty?: unknown;
  readonly crv?: unknown;
  readonly x?: unknown;
  readonly kid?: unknown;
  readonly alg?: unknown;
  readonly use?: unknown;
  readonly key_ops?: unknown;
  readonly d?: unknown;
  readonly [member: string]: unknown;
}

/** A public Ed25519 key (RFC 8037 §2). */
export interface PublicJwk extends Jwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
}

/** A private Ed25519 key (RFC 8037 §2): keep it out of logs and out of key sets. */
export interface PrivateJwk extends PublicJwk {
  readonly d: string;
}

/** Why a JWK cannot verify Ed25519 signatures. */
export type JwkProblem = "wrong_type" | "wrong_algorithm" | "wrong_use" | "private_key_published" | "malformed_key";

/**
 * The 32 bytes of an Ed25519 public key, or why the JWK is not one. The key's type and curve decide; `alg` never
 * chooses an algorithm, it can only contradict.
 */
export function readPublicJwk(jwk: Jwk): Uint8Array | JwkProblem {
  const { kty, crv, x, alg, use, key_ops: operations, d } = jwk;
  if (kty !== "OKP" || crv !== "Ed25519") return "wrong_type";
  if (alg !== undefined && alg !== "EdDSA" && alg !== "Ed25519") return "wrong_algorithm";
  if (use !== undefined && use !== "sig") return "wrong_use";
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) return "wrong_use";
  if (d !== undefined) return "private_key_published";
  const bytes = typeof x === "string" ? parseBase64url(x) : undefined;
  return bytes?.length === publicKeyBytes && isSoundPoint(bytes) ? bytes : "malformed_key";
}

/** The public JWK of 32 key bytes. @throws ValidationError for bytes that are no sound public key. */
export function publicKeyToJwk(publicKey: Uint8Array, kid?: string): PublicJwk {
  if (publicKey.length !== publicKeyBytes || !isSoundPoint(publicKey)) {
    throw invalid("", "must be the 32 bytes of an Ed25519 public key");
  }
  return { kty: "OKP", crv: "Ed25519", x: base64url(publicKey), ...(kid === undefined ? {} : { kid }) };
}

/** The public key bytes of a JWK. @throws ValidationError saying why it is not an Ed25519 public key. */
export function publicKeyFromJwk(jwk: Jwk): Uint8Array {
  const key = readPublicJwk(jwk);
  if (typeof key === "string") throw invalid("", `is not an Ed25519 public key (${key})`);
  return key;
}

/** The private JWK of a key pair, for storage in a secret place. */
export function keyPairToJwk({ publicKey, privateKey }: Ed25519KeyPair, kid?: string): PrivateJwk {
  return { ...publicKeyToJwk(publicKey, kid), d: base64url(privateKey) };
}

/** The key pair of a private JWK. @throws ValidationError when it is malformed or its two halves do not belong together. */
export async function keyPairFromJwk(jwk: Jwk): Promise<Ed25519KeyPair> {
  const { d, ...publicPart } = jwk;
  const publicKey = publicKeyFromJwk({ ...publicPart, key_ops: undefined });
  const seed = typeof d === "string" ? parseBase64url(d) : undefined;
  if (seed?.length !== publicKeyBytes) throw invalid("/d", "must be 32 bytes in unpadded base64url");
  const pair = await keyPairFromSeed(seed);
  if (base64url(pair.publicKey) !== base64url(publicKey)) throw invalid("/x", "is not the public key of d");
  return pair;
}

function invalid(pointer: string, message: string): ValidationError {
  return new ValidationError("JSON Web Key", [{ pointer, message }]);
}
