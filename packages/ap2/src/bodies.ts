import type { Amount } from "@imprest/core";
import { Unit } from "@imprest/core";
import type { CommitOveragePolicy } from "@imprest/core/models/cycles";
import { idempotencyKey } from "./idempotency-key.ts";
import { type AP2Mandate, checkMandate } from "./mandate.ts";
import { type AmountOptions, checkMicrocents, toMicrocents } from "./microcents.ts";
import { shorten } from "./text.ts";

/** Who pays and for which run. */
export interface PaymentSubject {
  readonly runId: string;
  readonly tenant?: string | undefined;
  readonly workspace?: string | undefined;
  readonly app?: string | undefined;
  readonly workflow?: string | undefined;
  readonly agent?: string | undefined;
  readonly toolset?: string | undefined;
  /** More dimensions; those of the guard win over one of the same name. */
  readonly extraDimensions?: Readonly<Record<string, string>> | undefined;
}

/** What one reserve of a payment is made of. */
export interface ReserveBodyInput extends PaymentSubject {
  readonly mandate: AP2Mandate;
  /** `payment.charge` when absent. */
  readonly actionKind?: string | undefined;
  /** 60000 when absent. */
  readonly ttlMs?: number | undefined;
  /** The wire's default when absent. */
  readonly gracePeriodMs?: number | undefined;
  /** `REJECT` when absent. */
  readonly overagePolicy?: CommitOveragePolicy | undefined;
  readonly dryRun?: boolean | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Where payee, currency and protocol stand: in `subject.dimensions` (the default), or as before v0.3 in
   * `action.policy_keys`, which the reference server refuses today.
   */
  readonly wire?: "policy_keys" | undefined;
  readonly compat?: AmountOptions["compat"];
}

/** A reserve as it goes over the wire; the order of its members is part of it, because servers hash it. */
export interface ReserveBody {
  readonly idempotency_key: string;
  readonly subject: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly action: {
    readonly kind: string;
    readonly name: string;
    readonly policy_keys?: { readonly host: string; readonly custom: Readonly<Record<string, string>> };
  };
  readonly estimate: Amount;
  readonly ttl_ms: number;
  readonly grace_period_ms?: number | undefined;
  readonly overage_policy: CommitOveragePolicy;
  readonly dry_run?: true | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const chargeKind = "payment.charge";
export const refundKind = "payment.refund";
const actionName = "ap2.payment_mandate.present";
const protocolName = "ap2";

/**
 * The reserve that the Python guard v0.3 sends for this mandate, member for member.
 * @throws AP2CurrencyError, AP2MandateError or ValidationError for a mandate that cannot be charged.
 */
export async function buildReserveBody(input: ReserveBodyInput): Promise<ReserveBody> {
  const mandate = checkMandate(input.mandate);
  const estimate = toMicrocents(mandate.amountValue, mandate.currency, input);
  return reserveBody({ ...input, mandate }, await idempotencyKey(mandate, "reserve"), estimate);
}

/** The same under another key and for a quoted amount, of a mandate that is checked. */
export function reserveBody(input: ReserveBodyInput, key: string, estimate: bigint): ReserveBody {
  const { mandate, actionKind = chargeKind, ttlMs = 60_000, gracePeriodMs, metadata } = input;
  const { overagePolicy = "REJECT", dryRun } = input;
  return {
    idempotency_key: key,
    subject: buildSubject(mandate, input),
    action: {
      kind: actionKind,
      name: actionName,
      ...(input.wire === "policy_keys" && { policy_keys: policyKeys(mandate, "currency") }),
    },
    estimate: { unit: Unit.usdMicrocents, amount: estimate },
    ttl_ms: ttlMs,
    ...(gracePeriodMs !== undefined && { grace_period_ms: gracePeriodMs }),
    overage_policy: overagePolicy,
    ...(dryRun && { dry_run: true }),
    ...(metadata && Object.keys(metadata).length > 0 && { metadata }),
  };
}

function buildSubject(mandate: AP2Mandate, input: ReserveBodyInput): ReserveBody["subject"] {
  const { tenant, workspace, app, workflow, agent, toolset } = input;
  const levels = Object.entries({ tenant, workspace, app, workflow, agent, toolset });
  const named = levels.filter((entry): entry is [string, string] => Boolean(entry[1]));
  return { ...Object.fromEntries(named), dimensions: buildDimensions(mandate, input) };
}

function buildDimensions(
  mandate: AP2Mandate,
  { runId, wire, extraDimensions }: ReserveBodyInput,
): Record<string, string> {
  const { checkoutHash, openMandateHash } = mandate;
  const canonical = {
    run_id: runId,
    ap2_transaction_id: mandate.transactionId,
    ...(wire !== "policy_keys" && {
      payee_website: mandate.payeeWebsite,
      payment_currency: mandate.currency.toUpperCase(),
      payment_protocol: protocolName,
    }),
    ...(checkoutHash && { checkout_hash: checkoutHash }),
    ...(openMandateHash && { open_mandate_hash: openMandateHash }),
  };
  // Spread twice: the first keeps the order, the second the guard's own values.
  return { ...canonical, ...extraDimensions, ...canonical };
}

/** Payee, protocol and currency as policies route on them; receipts and the older wire name the currency differently. */
export function policyKeys(
  mandate: Pick<AP2Mandate, "payeeWebsite" | "currency">,
  currencyName: "currency" | "payment_currency",
): { host: string; custom: Record<string, string> } {
  const custom = { payment_protocol: protocolName, [currencyName]: mandate.currency.toUpperCase() };
  return { host: mandate.payeeWebsite, custom };
}

/** A commit as it goes over the wire. */
export interface CommitBody {
  readonly idempotency_key: string;
  readonly actual: Amount;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** What `buildCommitBody` puts into a commit (AP2 guard v0.3). */
export interface CommitBodyInput extends AmountOptions {
  /** Hundred-millionths of a dollar; the mandate's amount when absent. */
  readonly actual?: bigint | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** The commit that the Python guard v0.3 sends. @throws AP2MandateError for an actual that is no int64 of bigint type. */
export async function buildCommitBody(
  mandate: AP2Mandate,
  { actual, metadata, compat }: CommitBodyInput = {},
): Promise<CommitBody> {
  const checked = checkMandate(mandate);
  const amount =
    actual === undefined
      ? toMicrocents(checked.amountValue, checked.currency, { compat })
      : checkMicrocents(actual, "actual");
  return {
    idempotency_key: await idempotencyKey(checked, "commit"),
    actual: { unit: Unit.usdMicrocents, amount },
    ...(metadata && Object.keys(metadata).length > 0 && { metadata }),
  };
}

/** A release as it goes over the wire. */
export interface ReleaseBody {
  readonly idempotency_key: string;
  readonly reason: string;
}

const longestReason = 256;

/** The release that the Python guard v0.3 sends; a longer reason is cut to what the server takes. */
export async function buildReleaseBody(
  mandate: Pick<AP2Mandate, "transactionId" | "openMandateHash">,
  { reason, suffix }: { readonly reason: string; readonly suffix?: string | undefined },
): Promise<ReleaseBody> {
  return { idempotency_key: await idempotencyKey(mandate, "release", suffix), reason: shorten(reason, longestReason) };
}
