import { ValidationError } from "../errors/local-errors.ts";
import { type Jwk, type JwkProblem, readPublicJwk } from "./jwk.ts";
import { type KeyLookup, type KeyQuery, type VerificationKey, refused } from "./key-lookup.ts";

/** A JWK Set (RFC 7517 §5). */
export interface Jwks {
  readonly keys: readonly Jwk[];
}

/** The Ed25519 keys of one signer. */
export interface KeySet {
  /** Exactly one key, or the reason why there is none. Never picks "the current key". */
  find(query: KeyQuery): KeyLookup;
  /** The JWKs as they were given. */
  readonly keys: readonly Jwk[];
}

/** What a set of keys knows besides the keys. */
export interface KeySetOptions {
  /** More keys make the set unusable; 100 by default. */
  readonly maxKeys?: number | undefined;
}

/**
 * The Ed25519 keys of a parsed JWK Set. A key of another type, with a contradicting `alg` or `use`, with a private part
 * or with malformed bytes is never a candidate; a `kid` that occurs twice anywhere makes the whole set refuse (Cycles
 * §CyclesEvidenceJwks, "Deterministic selection").
 * @throws ValidationError when `jwks` is no JWK Set, or holds more keys than allowed.
 */
export function createKeySet(jwks: unknown, { maxKeys = 100 }: KeySetOptions = {}): KeySet {
  const keys = keysOf(jwks, maxKeys);
  const duplicate = duplicateKid(keys);
  // A file of events asks for one key thousands of times.
  const read = new Map(keys.map((jwk) => [jwk, readPublicJwk(jwk)]));
  return {
    keys,
    find(query) {
      if ((query.kid === undefined) === (query.publicKey === undefined)) {
        throw new ValidationError("key query", [{ pointer: "", message: "must have either kid or publicKey" }]);
      }
      if (duplicate !== undefined) return refused("duplicate_kid", "The key set lists one kid twice.");
      return select(read, query);
    },
  };
}

function keysOf(jwks: unknown, maxKeys: number): readonly Jwk[] {
  const keys: unknown = isObject(jwks) ? jwks["keys"] : undefined;
  if (!Array.isArray(keys) || !keys.every(isObject)) throw unusable("must be a list of objects");
  if (keys.length > maxKeys) throw unusable(`must have at most ${maxKeys} entries`);
  return keys;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unusable(message: string): ValidationError {
  return new ValidationError("key set", [{ pointer: "/keys", message }]);
}

function duplicateKid(keys: readonly Jwk[]): string | undefined {
  const seen = new Set<string>();
  for (const { kid } of keys) {
    if (typeof kid !== "string") continue;
    if (seen.has(kid)) return kid;
    seen.add(kid);
  }
  return undefined;
}

/** What each key of a set is to a query, ordered from farthest to nearest: the nearest miss is the reason given. */
type Miss = "unknown_key" | "unusable_key" | "outside_window";

const missMessages: Readonly<Record<Miss, string>> = {
  unknown_key: "The key set has no such key.",
  unusable_key: "The key is listed in a form that cannot verify Ed25519 signatures.",
  outside_window: "The key was not valid at the time of signing.",
};

function select(keys: ReadonlyMap<Jwk, Uint8Array | JwkProblem>, query: KeyQuery): KeyLookup {
  let nearest: Miss = "unknown_key";
  let found: VerificationKey | undefined;
  for (const [jwk, bytes] of keys) {
    const candidate = match(jwk, bytes, query);
    if (candidate === "unknown_key") continue;
    if (typeof candidate === "string") {
      if (nearest !== "outside_window") nearest = candidate;
    } else if (found === undefined) {
      found = candidate;
    } else {
      return refused("ambiguous_key", "Several keys fit, and a verifier must not choose.");
    }
  }
  return found === undefined ? refused(nearest, missMessages[nearest]) : { status: "found", key: found };
}

function match(
  jwk: Jwk,
  bytes: Uint8Array | JwkProblem,
  { kid, publicKey, atMs, windowOf }: KeyQuery,
): VerificationKey | Miss {
  if (kid !== undefined && jwk.kid !== kid) return "unknown_key";
  if (typeof bytes === "string") return kid === undefined ? "unknown_key" : "unusable_key";
  if (publicKey !== undefined && !sameBytes(bytes, publicKey)) return "unknown_key";
  const window = windowOf === undefined ? {} : windowOf(jwk);
  if (window === undefined) return "unusable_key";
  const { notBeforeMs = -Infinity, notAfterMs = Infinity } = window;
  if (atMs !== undefined && !(notBeforeMs <= atMs && atMs < notAfterMs)) return "outside_window";
  return { ...window, kid: typeof jwk.kid === "string" ? jwk.kid : undefined, publicKey: bytes, retained: false };
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
