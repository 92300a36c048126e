import type { AP2Mandate } from "./mandate.ts";
import { halfSha256Hex } from "./sha256.ts";
import { strip } from "./text.ts";

/** Which step of a payment a key is for. */
export type Phase = "reserve" | "commit" | "release";

/** The name of the bucket that a mandate is consumed in: `ap2:open_mandate:<32 hex>` or `ap2:tx:<32 hex>`. */
export async function scopeOf({
  transactionId,
  openMandateHash,
}: Pick<AP2Mandate, "transactionId" | "openMandateHash">): Promise<string> {
  if (openMandateHash) return openMandateScope(openMandateHash);
  // As the mandate's own check strips it: a key made here and one made from a checked mandate are the same.
  return `ap2:tx:${await halfSha256Hex(strip(transactionId))}`;
}

/** The bucket of one open mandate, whichever purchase it is presented for. */
export async function openMandateScope(openMandateHash: string): Promise<string> {
  return `ap2:open_mandate:${await halfSha256Hex(strip(openMandateHash))}`;
}

/** By what a purchase is known. */
export interface Identities {
  /** The bucket of the mandate, `ap2:…`. */
  readonly scope: string;
  readonly transactionId: string;
  /** Hashes of its open mandates: whichever is presented, all are. */
  readonly links: readonly string[];
}

/** By what the purchase of a mandate is known in the ledger, whichever of its forms is presented. */
export async function identitiesOf(mandate: AP2Mandate): Promise<Identities> {
  const scope = await scopeOf(mandate);
  return { scope, transactionId: strip(mandate.transactionId), links: linksOf(mandate) };
}

/** Hashes of the open mandates of a purchase, each once. */
export function linksOf({ openMandateHash, linkedHashes = [] }: AP2Mandate): readonly string[] {
  const links = openMandateHash === undefined ? linkedHashes : [strip(openMandateHash), ...linkedHashes];
  return [...new Set(links)];
}

/**
 * The key of one step, the same in every worker and in the Python guard:
 * `ap2:{open_mandate|tx}:{first 32 hex digits of SHA-256}:{phase}[:{suffix}]`. The suffix keeps letters, digits and
 * `_-.`; each other character becomes one `_`; it ends after 64.
 * @throws ConfigurationError where there is no WebCrypto: a page that was not served over HTTPS.
 */
export async function idempotencyKey(
  mandate: Pick<AP2Mandate, "transactionId" | "openMandateHash">,
  phase: Phase,
  suffix?: string,
): Promise<string> {
  return keyIn(await scopeOf(mandate), phase, suffix);
}

/** The key of one step within a scope. */
export function keyIn(scope: string, phase: string, suffix?: string): string {
  const tail = suffix ? `:${cleanSuffix(suffix)}` : "";
  return `${scope}:${phase}${tail}`;
}

function cleanSuffix(suffix: string): string {
  return Array.from(suffix, (character) => (/^[A-Za-z0-9_.-]$/.test(character) ? character : "_"))
    .slice(0, 64)
    .join("");
}
