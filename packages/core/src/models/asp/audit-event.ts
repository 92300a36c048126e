import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { parseAtomicAmount } from "./atomic-amount.ts";
import { type AuditSuffix, aspMostDigits } from "./names.ts";
import { parseTimestamp } from "./timestamp.ts";

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

const nonEmpty = z.string().check(z.minLength(1, "must not be empty"));
const uuid = z.string().check(z.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "must be a UUID"));
const time = z
  .string()
  .check(z.refine((value) => parseTimestamp(value) !== undefined, "must be an RFC 3339 timestamp"));
const atomic = z.pipe(
  z.string().check(z.regex(new RegExp(`^(0|[1-9][0-9]{0,${aspMostDigits - 1}})$`), "must be a decimal string")),
  z.transform((value) => parseAtomicAmount(value) ?? 0n),
);
const duration = z.pipe(
  z.union([z.number().check(z.gte(0)), z.string().check(z.regex(/^\d{1,15}$/))], "must be milliseconds"),
  z.transform((value) => Number(value)),
);
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], "must be text, a number, a boolean or null");

const base = {
  decision_id: uuid,
  kid: nonEmpty,
  event_time: time,
  reason_codes: z.optional(z.array(z.string())),
  runtime_metadata: z.optional(z.record(z.string(), scalar)),
};
const ofReservation = { ...base, reservation_id: nonEmpty };
const overage = {
  ...ofReservation,
  amount_atomic_observed: atomic,
  amount_atomic_reserved: atomic,
  overage_amount_atomic: atomic,
};

/** One schema for the `data` of each suffix. Rules between members are judged where events are verified. */
export const auditDataSchemas: { readonly [Suffix in AuditSuffix]: WireSchema<AuditDataBySuffix[Suffix]> } = {
  reserve: z.looseObject({
    ...base,
    budget_id: nonEmpty,
    unit: nonEmpty,
    amount_atomic_reserved: atomic,
    decision: nonEmpty,
    ttl_expires_at: z.optional(time),
    caps: z.optional(z.array(z.looseObject({ type: nonEmpty, params: z.optional(z.unknown()) }))),
    reservation_id: z.optional(nonEmpty),
  }),
  commit: z.looseObject({
    ...ofReservation,
    amount_atomic_observed: atomic,
    refund_amount_atomic: z.optional(atomic),
    charge_amount_atomic: z.optional(atomic),
    exact_match: z.optional(z.literal(true)),
  }),
  release: z.looseObject(ofReservation),
  refund: z.looseObject({ ...ofReservation, amount_atomic_refunded: atomic, original_commit_event_id: nonEmpty }),
  ttl_expired: z.looseObject({ ...ofReservation, ttl_expires_at: time, capacity_returned_atomic: atomic }),
  late_commit: z.looseObject({
    ...ofReservation,
    amount_atomic_observed: atomic,
    grace_window_ms_used: duration,
    over_cap_amount_atomic: z.optional(atomic),
  }),
  overage_rejected: z.looseObject(overage),
  overage_charged: z.looseObject({ ...overage, policy: z.literal("charge_overage") }),
  replay_rejected: z.looseObject({ ...ofReservation, idempotency_key: nonEmpty, conflict_field: nonEmpty }),
  bypassed: z.looseObject({
    ...base,
    bypass_reason: z.literal(["authority_unreachable", "fail_open_override"]),
    reservation_id: z.optional(nonEmpty),
  }),
  reconciliation_gap: z.looseObject({
    ...ofReservation,
    amount_atomic_observed: atomic,
    time_past_grace_ms: duration,
  }),
};
