import type { Amount } from "../../amount/amount.ts";
import { count, jsonObject, loose, openOneOf, text, texts } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";
import { type Action, action } from "./action.ts";
import { amount } from "./amount.ts";
import { idempotencyKey } from "./decision.ts";
import { type ReservationEvidence, reservationEvidence } from "./evidence.ts";
import { type Subject, subject } from "./subject.ts";

/** Where a reservation stands (Cycles §ReservationStatus). Open: later versions may add terminal states. */
export type ReservationStatus = "ACTIVE" | "COMMITTED" | "RELEASED" | "EXPIRED" | (string & {});

/** A reservation as the authority keeps it (Cycles §ReservationDetail). */
export interface ReservationDetail {
  readonly reservation_id: string;
  readonly status: ReservationStatus;
  readonly subject: Subject;
  readonly action: Action;
  readonly reserved: Amount;
  /** Epoch milliseconds. */
  readonly created_at_ms: number;
  /** Epoch milliseconds. */
  readonly expires_at_ms: number;
  readonly scope_path: string;
  readonly affected_scopes: readonly string[];
  readonly idempotency_key?: string | undefined;
  /** What was charged; on COMMITTED ones. */
  readonly committed?: Amount | undefined;
  /** Epoch milliseconds; on COMMITTED and RELEASED ones. */
  readonly finalized_at_ms?: number | undefined;
  /** As given with the reserve. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** As given with the commit. */
  readonly committed_metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly evidence?: ReservationEvidence | undefined;
}

const reservationStatuses = ["ACTIVE", "COMMITTED", "RELEASED", "EXPIRED"] as const;

export const reservationDetail: Shape<ReservationDetail> = object({
  reservation_id: text,
  status: openOneOf(reservationStatuses),
  subject: subject,
  action: action,
  reserved: amount,
  created_at_ms: count,
  expires_at_ms: count,
  scope_path: text,
  affected_scopes: texts,
  idempotency_key: optional(loose(idempotencyKey)),
  committed: optional(amount),
  finalized_at_ms: optional(count),
  metadata: optional(jsonObject),
  committed_metadata: optional(jsonObject),
  evidence: optional(reservationEvidence),
});

/**
 * A row of a list (Cycles §ReservationSummary): the same members, of which `metadata`, `committed_metadata` and
 * `evidence` come only when `include` asks for them.
 */
export type ReservationSummary = ReservationDetail;

export const reservationSummary: Shape<ReservationSummary> = reservationDetail;
