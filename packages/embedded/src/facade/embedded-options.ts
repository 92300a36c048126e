import { ConfigurationError, type Logger } from "@imprest/core";
import type { RateLimit } from "../access/rate-limit.ts";
import type { AspOptions } from "../asp/options.ts";
import type { EvidenceOptions } from "../evidence/options.ts";
import type { LedgerEventListener } from "../governance/event-stream.ts";
import type { GovernanceOptions } from "../governance/options.ts";
import type { ActionRules } from "../ledger/admission.ts";
import { checkCount, checkLedgerOptions } from "../ledger/check-options.ts";
import type { FactListener } from "../ledger/facts.ts";
import type { LedgerOptions } from "../ledger/ledger.ts";

/** How an `EmbeddedAuthority` is made. */
export interface EmbeddedAuthorityOptions extends Omit<LedgerOptions, "overagePolicy">, ActionRules {
  readonly logger?: Logger | undefined;
  /** How often a tenant may call over the wire; unlimited when absent. */
  readonly rateLimit?: RateLimit | undefined;
  /**
   * Whether a subject of the Cycles wire that names no tenant is of the caller's. By default: false, because the wire's text counts
   * only the levels that are given; such a subject then draws on no budget, policy or cap of its tenant.
   */
  readonly fillInTenant?: boolean | undefined;
  /** The longest body that the wire reads, in bytes. By default: 262,144. */
  readonly maxBodyBytes?: number | undefined;
  /** Speaks the Agent Spend Protocol too, over the same ledger. */
  readonly asp?: AspOptions | undefined;
  /** Sign what is decided, and serve the envelopes and the keys; nothing is signed without it. */
  readonly evidence?: EvidenceOptions | undefined;
  /** Called with every event (Cycles governance §EventType), once what it reports is durable. */
  readonly onEvent?: LedgerEventListener | undefined;
  /** Called with every fact of the ledger once it is durable. What it throws is its own. */
  readonly onFact?: FactListener | undefined;
  /** Keep events, serve the governance plane, deliver webhooks. Without it, events go to `onEvent` alone. */
  readonly governance?: GovernanceOptions | undefined;
}

/** @throws ConfigurationError naming the option. */
export function checkOptions(options: EmbeddedAuthorityOptions): void {
  const { rateLimit, maxBodyBytes, evidence } = options;
  checkCount("maxBodyBytes", maxBodyBytes);
  checkLedgerOptions(options);
  checkCount("evidence.retention.forMs", evidence?.retention?.forMs);
  checkCount("evidence.retention.envelopes", evidence?.retention?.envelopes);
  checkCount("evidence.retention.bytes", evidence?.retention?.bytes);
  checkPositive("rateLimit.perSecond", rateLimit?.perSecond);
  checkPositive("rateLimit.burst", rateLimit?.burst);
}

function checkPositive(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return;
  throw new ConfigurationError(`${name} must be a positive number.`);
}
