import canonicalizeJson from "canonicalize";
import { ValidationError } from "../errors/local-errors.ts";
import { hex, utf8 } from "../platform/encoding.ts";

/** A part of a derived key: plain JSON, with bigints allowed. */
export type KeyPart =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly KeyPart[]
  | { readonly [key: string]: KeyPart };

/** A fresh random key. Mint it once per logical operation, never inside a retry. */
export function createIdempotencyKey(): string {
  return crypto.randomUUID();
}

/**
 * The same key for the same parts, everywhere and always: SHA-256 over JCS (RFC 8785) of `[namespace, parts]`, so a
 * redelivered job reuses the key of its first run. A bigint is tagged, so that `1n`, `1` and `"1"` differ.
 * @returns `<namespace>-<64 hex digits>`.
 * @throws ValidationError for an empty or unfit namespace and for parts that JSON cannot hold exactly.
 */
export async function deriveIdempotencyKey(namespace: string, parts: KeyPart): Promise<string> {
  if (!/^[A-Za-z0-9_.:-]{1,128}$/.test(namespace)) {
    throw invalid("/namespace", "must be 1 to 128 characters out of letters, digits, and _ . : -");
  }
  const canonical = canonicalizeJson([namespace, tag(parts, "/parts")]);
  const digest = await crypto.subtle.digest("SHA-256", utf8(canonical ?? "") as Uint8Array<ArrayBuffer>);
  return `${namespace}-${hex(new Uint8Array(digest))}`;
}

/** The value with each bigint as `{"$bigint": "…"}`, refusing whatever JCS would silently turn into something else. */
function tag(part: unknown, pointer: string): unknown {
  if (part === null || typeof part === "boolean" || typeof part === "string") return part;
  if (typeof part === "bigint") return { $bigint: part.toString() };
  if (typeof part === "number") {
    if (Number.isFinite(part)) return part;
    throw invalid(pointer, "is not a finite number");
  }
  if (Array.isArray(part)) return part.map((item, at) => tag(item, `${pointer}/${at}`));
  if (typeof part === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(part))) {
    if ("$bigint" in part) throw invalid(pointer, "has a member $bigint, which stands for a bigint; rename it");
    return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, tag(item, `${pointer}/${key}`)]));
  }
  throw invalid(pointer, "is not plain JSON or a bigint");
}

function invalid(pointer: string, message: string): ValidationError {
  return new ValidationError("idempotency key", [{ pointer, message }]);
}
