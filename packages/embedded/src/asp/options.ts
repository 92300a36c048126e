import { ConfigurationError } from "@imprest/core";
import type { Jwk } from "@imprest/core/audit";
import { canonicalScope } from "../ledger/scopes.ts";

/** A key that signs audit events. */
export interface AspSigningKey {
  readonly kid: string;
  /** The 32-byte Ed25519 seed; keep it out of logs and of the ledger's store. */
  readonly privateKey: Uint8Array;
}

/** What becomes of a commit beyond its reserve (ASP §3.1). */
export type AspOveragePolicy = "REJECT" | "CHARGE_OVERAGE";

/** How an embedded authority speaks ASP. */
export interface AspOptions {
  /** The origin at which the authority is reached, and its keys are found: `https://authority.example`. */
  readonly issuer: string;
  readonly signingKey: AspSigningKey;
  /**
   * Public keys of earlier times that a store does not know of, published through `auditRetentionMs` from their end on:
   * `exp`, in seconds since the Unix epoch. Without one, a key ends now, and with every start anew.
   */
  readonly retiredKeys?: readonly Jwk[] | undefined;
  /** `<prefix>.audit.<suffix>`; `imprest` when absent. */
  readonly typePrefix?: string | undefined;
  /** Lifetime of a reservation, in milliseconds; 600000 when absent. ASP lets no caller ask for another. */
  readonly ttlMs?: number | undefined;
  /** How long after its TTL a commit is honoured, in milliseconds; 30000 when absent (ASP §3.2), 300000 at most. */
  readonly graceWindowMs?: number | undefined;
  /**
   * REJECT when absent; CHARGE_OVERAGE for the budgets it is given for (ASP §3.1: "opt-in per Budget"). A function is asked
   * with the id of a budget in lower case, as scopes are written.
   */
  readonly overagePolicy?: AspOveragePolicy | ((budgetId: string) => AspOveragePolicy) | undefined;
  /** How long events and the keys that signed them are kept, in milliseconds; one year when absent (ASP §5). */
  readonly auditRetentionMs?: number | undefined;
}

/** With every default filled in. */
export interface ResolvedAspOptions {
  readonly issuer: string;
  readonly typePrefix: string;
  readonly ttlMs: number;
  readonly graceWindowMs: number;
  readonly defaultOveragePolicy: AspOveragePolicy;
  readonly auditRetentionMs: number;
  overagePolicyOf(budgetId: string): AspOveragePolicy;
}

const oneYearMs = 365 * 86_400_000;

/** @throws ConfigurationError naming the option that cannot be used. */
export function resolveAspOptions(options: AspOptions): ResolvedAspOptions {
  const { issuer, typePrefix = "imprest", overagePolicy = "REJECT", signingKey } = options;
  if (!URL.canParse(issuer) || new URL(issuer).origin !== issuer || !/^https?:/.test(issuer)) {
    throw new ConfigurationError('asp.issuer is not a bare origin such as "https://authority.example".');
  }
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(typePrefix)) {
    throw new ConfigurationError('asp.typePrefix is not a name such as "org.example", in lower case.');
  }
  if (signingKey.kid === "" || signingKey.privateKey.length !== 32) {
    throw new ConfigurationError("asp.signingKey needs a kid and a seed of 32 bytes.");
  }
  return {
    issuer,
    typePrefix,
    ttlMs: duration("ttlMs", options.ttlMs ?? 600_000, 1_000, 86_400_000),
    graceWindowMs: duration("graceWindowMs", options.graceWindowMs ?? 30_000, 0, 300_000),
    defaultOveragePolicy: typeof overagePolicy === "function" ? "REJECT" : overagePolicy,
    auditRetentionMs: duration("auditRetentionMs", options.auditRetentionMs ?? oneYearMs, 1, 100 * oneYearMs),
    overagePolicyOf: (budgetId) =>
      typeof overagePolicy === "function" ? overagePolicy(canonicalScope(budgetId)) : overagePolicy,
  };
}

function duration(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new ConfigurationError(`asp.${name} must be a whole number of milliseconds from ${least} to ${most}.`);
}
