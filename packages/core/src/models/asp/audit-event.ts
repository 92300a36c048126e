import { anything, nonEmpty, oneOf, patternedText, text, texts } from "../../wire/leaves.ts";
import { type Shape, converted, leaf, list, object, optional, record } from "../../wire/shape.ts";
import { atomic, timestamp } from "./fields.ts";
import type { AuditSuffix } from "./names.ts";

/** Signed in every event (ASP §5 "Common to all event types"). Names are the wire's; unknown members are kept. */
export interface AuditDataBase {
  /** A UUID; one for all events of a decision, the only tie between a reserve and what follows. */
  readonly decision_id: string;
  readonly kid: string;
  /** On the authority's clock. */
  readonly event_time: string;
  readonly reason_codes?: readonly string[] | undefined;
  readonly runtime_metadata?: Readonly<Record<string, unknown>> | undefined;
}

export interface ReserveData extends AuditDataBase {
  readonly budget_id: string;
  readonly unit: string;
  readonly amount_atomic_reserved: bigint;
  readonly decision: string;
  readonly ttl_expires_at?: string | undefined;
  readonly caps?: readonly { readonly type: string; readonly params?: unknown }[] | undefined;
  /** Beyond the draft, which gives a reserve none; this library's authority writes it. */
  readonly reservation_id?: string | undefined;
}

/** Exactly one of the last three. */
export interface CommitData extends AuditDataBase {
  readonly reservation_id: string;
  readonly amount_atomic_observed: bigint;
  readonly refund_amount_atomic?: bigint | undefined;
  readonly charge_amount_atomic?: bigint | undefined;
  readonly exact_match?: true | undefined;
}

export interface ReleaseData extends AuditDataBase {
  readonly reservation_id: string;
}

export interface RefundData extends AuditDataBase {
  readonly reservation_id: string;
  readonly amount_atomic_refunded: bigint;
  readonly original_commit_event_id: string;
}

export interface TtlExpiredData extends AuditDataBase {
  readonly reservation_id: string;
  readonly ttl_expires_at: string;
  readonly capacity_returned_atomic: bigint;
}

export interface LateCommitData extends AuditDataBase {
  readonly reservation_id: string;
  readonly amount_atomic_observed: bigint;
  /** The draft gives no type; a number and a decimal string are both taken. */
  readonly grace_window_ms_used: number;
  readonly over_cap_amount_atomic?: bigint | undefined;
}

export interface OverageRejectedData extends AuditDataBase {
  readonly reservation_id: string;
  readonly amount_atomic_observed: bigint;
  readonly amount_atomic_reserved: bigint;
  readonly overage_amount_atomic: bigint;
}

export interface OverageChargedData extends OverageRejectedData {
  readonly policy: "charge_overage";
}

export interface ReplayRejectedData extends AuditDataBase {
  readonly reservation_id: string;
  readonly idempotency_key: string;
  readonly conflict_field: string;
}

export interface BypassedData extends AuditDataBase {
  readonly bypass_reason: "authority_unreachable" | "fail_open_override";
  readonly reservation_id?: string | undefined;
}

export interface ReconciliationGapData extends AuditDataBase {
  readonly reservation_id: string;
  readonly amount_atomic_observed: bigint;
  /** A number or a decimal string on the wire. */
  readonly time_past_grace_ms: number;
}

/** What each suffix requires in `data` (ASP §5 "Additional fields per suffix"). */
export interface AuditDataBySuffix {
  readonly reserve: ReserveData;
  readonly commit: CommitData;
  readonly release: ReleaseData;
  readonly refund: RefundData;
  readonly ttl_expired: TtlExpiredData;
  readonly late_commit: LateCommitData;
  readonly overage_rejected: OverageRejectedData;
  readonly overage_charged: OverageChargedData;
  readonly replay_rejected: ReplayRejectedData;
  readonly bypassed: BypassedData;
  readonly reconciliation_gap: ReconciliationGapData;
}

/** The signed fields of an audit event, and nothing beside them (ASP §5 "Signing"). */
export type AuditEvent = {
  [Suffix in AuditSuffix]: {
    readonly id: string;
    readonly source: string;
    /** `<issuer>.audit.<suffix>`. */
    readonly type: string;
    readonly datacontenttype: string;
    readonly time: string;
    readonly suffix: Suffix;
    readonly data: AuditDataBySuffix[Suffix];
  };
}[AuditSuffix];

const uuid = patternedText(/^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 36, "must be a UUID");

const duration: Shape<number> = converted(
  (value) => {
    const isNumber = typeof value === "number" && Number.isFinite(value) && value >= 0;
    return isNumber || (typeof value === "string" && /^\d{1,15}$/.test(value)) ? Number(value) : undefined;
  },
  "must be milliseconds",
  { type: ["number", "string"], minimum: 0, pattern: "^\\d{1,15}$" },
);

const scalar: Shape<unknown> = leaf(
  (value) => value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value),
  "must be text, a number, a boolean or null",
  { type: ["string", "number", "boolean", "null"] },
);

const isTrue: Shape<true> = leaf((value) => value === true, "must be true", { type: "boolean", enum: [true] });

const base = {
  decision_id: uuid,
  kid: nonEmpty,
  event_time: timestamp,
  reason_codes: optional(texts),
  runtime_metadata: optional(record(text, scalar)),
};
const ofReservation = { ...base, reservation_id: nonEmpty };
const overage = {
  ...ofReservation,
  amount_atomic_observed: atomic,
  amount_atomic_reserved: atomic,
  overage_amount_atomic: atomic,
};

/** The shape of `data` by suffix. Rules between members are judged where events are verified. */
export const auditDataBySuffix: { readonly [Suffix in AuditSuffix]: Shape<AuditDataBySuffix[Suffix]> } = {
  reserve: object({
    ...base,
    budget_id: nonEmpty,
    unit: nonEmpty,
    amount_atomic_reserved: atomic,
    decision: nonEmpty,
    ttl_expires_at: optional(timestamp),
    caps: optional(list(object({ type: nonEmpty, params: optional(anything) }))),
    reservation_id: optional(nonEmpty),
  }),
  commit: object({
    ...ofReservation,
    amount_atomic_observed: atomic,
    refund_amount_atomic: optional(atomic),
    charge_amount_atomic: optional(atomic),
    exact_match: optional(isTrue),
  }),
  release: object(ofReservation),
  refund: object({ ...ofReservation, amount_atomic_refunded: atomic, original_commit_event_id: nonEmpty }),
  ttl_expired: object({ ...ofReservation, ttl_expires_at: timestamp, capacity_returned_atomic: atomic }),
  late_commit: object({
    ...ofReservation,
    amount_atomic_observed: atomic,
    grace_window_ms_used: duration,
    over_cap_amount_atomic: optional(atomic),
  }),
  overage_rejected: object(overage),
  overage_charged: object({ ...overage, policy: oneOf(["charge_overage"]) }),
  replay_rejected: object({ ...ofReservation, idempotency_key: nonEmpty, conflict_field: nonEmpty }),
  bypassed: object({
    ...base,
    bypass_reason: oneOf(["authority_unreachable", "fail_open_override"]),
    reservation_id: optional(nonEmpty),
  }),
  reconciliation_gap: object({
    ...ofReservation,
    amount_atomic_observed: atomic,
    time_past_grace_ms: duration,
  }),
};
