import type { Jwk } from "@imprest/core/audit";
import { parseBase64url } from "@imprest/core/internal";
import type { SdJwt } from "../sd-jwt.ts";
import { type VerifyingKey, readKey } from "./es256.ts";

/**
 * Judges the certificates of a mandate's `x5c` header (RFC 7515 §4.1.6).
 * @param certificates DER, the signer's own first; each next one certifies the one before it.
 * @param at the time to judge them at.
 * @returns the key that the first one certifies; `undefined` when they lead to no authority that is trusted.
 */
export type ResolveX5c = (
  certificates: readonly Uint8Array[],
  at: { readonly nowMs: number },
) => Promise<Jwk | undefined>;

/** Who may sign the first mandate of a chain. */
export interface Issuers {
  readonly issuerKeys?: readonly Jwk[] | undefined;
  readonly resolveX5c?: ResolveX5c | undefined;
  readonly nowMs?: number | undefined;
}

/** One signature is checked for each key that a mandate without `kid` may be signed with. */
const mostKeys = 32;
/** A path of certificates is a few long; each costs a signature. */
const mostCertificates = 8;

/**
 * The keys that may have signed `root`: its certificate's where there is one to judge, else the issuer's that it names.
 * @returns `undefined` when nobody was given who could vouch for it; empty when none of them does.
 */
export async function issuerKeysOf(
  { header }: SdJwt,
  { issuerKeys, resolveX5c, nowMs = Date.now() }: Issuers,
): Promise<readonly VerifyingKey[] | undefined> {
  const { kid, x5c } = header;
  if (resolveX5c !== undefined && x5c !== undefined) {
    const certificates = readCertificates(x5c);
    const certified = certificates && (await resolveX5c(certificates, { nowMs }));
    return readKeys(certified === undefined ? [] : [certified]);
  }
  // A mandate that names no key (RFC 7515 §4.1.4: `kid` is optional) may be signed with any of them.
  return issuerKeys && readKeys(kid === undefined ? issuerKeys : issuerKeys.filter((key) => key.kid === kid));
}

async function readKeys(keys: readonly Jwk[]): Promise<readonly VerifyingKey[]> {
  return (await Promise.all(keys.slice(0, mostKeys).map(readKey))).filter((key) => key !== undefined);
}

/** Base64 by RFC 7515 §4.1.6; AP2's SDK reads and writes base64url here, so both are read. */
function readCertificates(x5c: unknown): readonly Uint8Array[] | undefined {
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > mostCertificates) return undefined;
  const read = x5c.map((text: unknown) =>
    typeof text === "string"
      ? parseBase64url(
          text
            .replaceAll("+", "-")
            .replaceAll("/", "_")
            .replace(/={1,2}$/, ""),
        )
      : undefined,
  );
  return read.every((bytes) => bytes !== undefined) ? read : undefined;
}
