import { type AuditEvent, type AuditSuffix, parseTimestamp } from "@imprest/core/models/asp";
import { canonicalId } from "./semantics.ts";

/** What the rules of a decision need of one event. */
export interface Fact {
  readonly suffix: AuditSuffix;
  readonly id: string;
  /** `event_time`. */
  readonly atMs: number;
  readonly reservationId?: string | undefined;
  readonly reserved?: bigint | undefined;
  readonly observed?: bigint | undefined;
  /** Of a commit: observed less reserved, as it says by charge, refund or exact match. */
  readonly difference?: bigint | undefined;
  /** Capacity that a `ttl_expired` gave back. */
  readonly returned?: bigint | undefined;
  readonly ttlMs?: number | undefined;
  /** Of a reserve. */
  readonly decision?: string | undefined;
  /** `grace_window_ms_used`, or `time_past_grace_ms` of a gap. */
  readonly graceMs?: number | undefined;
}

/** Everything that is remembered of one decision. */
export interface Decision {
  readonly source: string;
  readonly id: string;
  budgetId?: string | undefined;
  /** What the answer to its reserve promised: the draft gives the event itself no reservation (ASP §5). */
  promisedReservationId?: string | undefined;
  /** The first two events of each suffix; a third would say nothing new. */
  readonly facts: Fact[];
  refunded: bigint;
  /** What refunds say to reverse, by event id. */
  readonly refundsOf: string[];
  /** Messages of what was found in it already. */
  readonly reported: string[];
}

/** The suffixes after which nothing but a refused replay or a refund may follow (ASP §3.3: one terminal transition). */
export const ends: ReadonlySet<AuditSuffix> = new Set<AuditSuffix>([
  "commit",
  "release",
  "late_commit",
  "overage_rejected",
  "overage_charged",
  "reconciliation_gap",
]);

/** A lying authority names as many as it likes; the first few find it out. */
const mostRefundsOf = 8;

export function beginDecision({ source, data }: AuditEvent): Decision {
  const id = canonicalId(data.decision_id);
  return { source, id, facts: [], refunded: 0n, refundsOf: [], reported: [] };
}

/** Notes what an event says. */
export function note(decision: Decision, event: AuditEvent): void {
  if (event.suffix === "reserve") decision.budgetId ??= event.data.budget_id;
  if (event.suffix === "refund") {
    const { amount_atomic_refunded: refunded, original_commit_event_id: of } = event.data;
    decision.refunded += refunded;
    if (!decision.refundsOf.includes(of) && decision.refundsOf.length < mostRefundsOf) decision.refundsOf.push(of);
  }
  const isKnown = decision.facts.filter(({ suffix }) => suffix === event.suffix).length >= 2;
  if (!isKnown) decision.facts.push(factOf(event));
}

/** True once a decision has its end: denied, bypassed, committed, released, quarantined or given up. */
export function hasEnded({ facts }: Decision): boolean {
  return facts.some(
    ({ suffix, decision }) =>
      ends.has(suffix) || suffix === "bypassed" || (suffix === "reserve" && decision === "DENY"),
  );
}

export function first({ facts }: Decision, suffix: AuditSuffix): Fact | undefined {
  return facts.find((fact) => fact.suffix === suffix);
}

/** One settlement may show as commit and, beside it, as late_commit or overage_charged: the draft leaves it open. */
export function settlementsOf({ facts }: Decision): Fact[] {
  return facts.filter(({ suffix }) => suffix === "commit" || suffix === "late_commit" || suffix === "overage_charged");
}

function factOf(event: AuditEvent): Fact {
  const { suffix, id, data } = event;
  const common = { suffix, id, atMs: timeOf(event), reservationId: reservationOf(event) };
  // "The signed audit event records both reserved and observed amounts" (§3.1), though §5 lists no such member.
  const { amount_atomic_reserved: echoed } = data as { readonly amount_atomic_reserved?: unknown };
  const reserved = typeof echoed === "bigint" ? echoed : decimalOf(echoed);
  switch (event.suffix) {
    case "reserve": {
      const { ttl_expires_at: ttl, decision } = event.data;
      return { ...common, reserved, decision, ttlMs: parseTimestamp(ttl) };
    }
    case "commit": {
      const { refund_amount_atomic: refund, charge_amount_atomic: charge, amount_atomic_observed } = event.data;
      const difference = refund === undefined ? (charge ?? (event.data.exact_match ? 0n : undefined)) : -refund;
      return { ...common, reserved, observed: amount_atomic_observed, difference };
    }
    case "late_commit": {
      const { amount_atomic_observed: observed, grace_window_ms_used: graceMs } = event.data;
      return { ...common, reserved, observed, graceMs };
    }
    case "overage_charged":
    case "overage_rejected":
      return { ...common, reserved, observed: event.data.amount_atomic_observed };
    case "ttl_expired": {
      const { ttl_expires_at: ttl, capacity_returned_atomic: returned } = event.data;
      return { ...common, returned, ttlMs: parseTimestamp(ttl) };
    }
    case "reconciliation_gap":
      return { ...common, graceMs: event.data.time_past_grace_ms };
    default:
      return common;
  }
}

export function timeOf({ data }: AuditEvent): number {
  return parseTimestamp(data.event_time) ?? 0;
}

/** The reservation that an event is about; a bypass makes one up (ASP §5). */
export function reservationOf({ suffix, data }: AuditEvent): string | undefined {
  return suffix !== "bypassed" && "reservation_id" in data ? canonicalId(data.reservation_id) : undefined;
}

function decimalOf(value: unknown): bigint | undefined {
  return typeof value === "string" && /^\d{1,78}$/.test(value) ? BigInt(value) : undefined;
}

/** One line of JSON that `readDecision` takes back. */
export function writeDecision(decision: Decision): string {
  return JSON.stringify(decision, (_, value: unknown) => (typeof value === "bigint" ? { $: value.toString() } : value));
}

/** Takes back what `writeDecision` wrote; the auditor reads nobody else's. */
export function readDecision(text: string): Decision {
  return JSON.parse(text, (_, value: unknown) => {
    const isBig = typeof value === "object" && value !== null && "$" in value && typeof value.$ === "string";
    return isBig ? BigInt(value.$ as string) : value;
  }) as Decision;
}
