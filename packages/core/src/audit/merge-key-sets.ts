import { ValidationError } from "../errors/local-errors.ts";
import { canonicalize } from "./canonicalize.ts";
import type { Jwk } from "./jwk.ts";
import { type Jwks, createKeySet } from "./key-set.ts";
import type { JsonValue } from "./strict-json.ts";

/** A parsed JWK Set, and what a person calls it: a file, a URL. */
export interface NamedKeySet {
  readonly name: string;
  readonly jwks: unknown;
}

interface FoundKey {
  readonly key: Jwk;
  readonly name: string;
}

/**
 * Several JWK Sets of one signer as one: its current keys and its archived ones. A key that stands twice is one key with
 * the members of both, since a member that only one set has, such as the end of the key's time, can but narrow it.
 * @throws ValidationError naming both sets that give one `kid` to different keys, and for what is no JWK Set.
 */
export function mergeKeySets(sets: Iterable<NamedKeySet>): Jwks {
  const merged: FoundKey[] = [];
  for (const { name, jwks } of sets) {
    for (const key of createKeySet(jwks).keys) {
      const at = merged.findIndex((found) => isSame(found.key, key));
      const known = merged[at];
      if (known === undefined) merged.push({ key, name });
      else if (!agree(known.key, key)) throw conflictOf(known, { key, name });
      else merged[at] = { ...known, key: { ...known.key, ...key } };
    }
  }
  return { keys: merged.map(({ key }) => key) };
}

/** A `kid` names a key; one without is known by all that it is. */
function isSame(left: Jwk, right: Jwk): boolean {
  return left.kid === undefined && right.kid === undefined ? textOf(left) === textOf(right) : left.kid === right.kid;
}

function agree(left: Jwk, right: Jwk): boolean {
  const shared = Object.keys(left).filter((name) => Object.hasOwn(right, name));
  return shared.every((name) => textOf(left[name]) === textOf(right[name]));
}

/** Key sets are parsed JSON. */
function textOf(value: unknown): string {
  return canonicalize(value as JsonValue);
}

function conflictOf({ key, name }: FoundKey, other: FoundKey): ValidationError {
  const who = name === other.name ? `${name} differs with itself` : `${name} and ${other.name} differ`;
  const message = `${who} about the key ${JSON.stringify(key.kid)} of one signer; keep what is right about it`;
  return new ValidationError("key set", [{ pointer: "/keys", message }]);
}
