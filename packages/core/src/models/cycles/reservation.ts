import type { Amount } from "../../amount/amount.ts";
import { count, flag, jsonObject, oneOf, openOneOf, text, texts, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { type Action, requestAction } from "./action.ts";
import { amount, requestAmount } from "./amount.ts";
import { type Balance, balances } from "./balance.ts";
import { type Caps, caps } from "./caps.ts";
import { type DecisionReasonCode, type DecisionWord, idempotencyKey, decisions, reasonCode } from "./decision.ts";
import { type DenyDetail, denyDetail } from "./deny-detail.ts";
import { type CyclesEvidenceRef, cyclesEvidenceRef } from "./evidence.ts";
import { type Subject, requestSubject } from "./subject.ts";

/**
 * What becomes of a commit beyond the reserve (Cycles §CommitOveragePolicy): refuse it, charge what is left and flag
 * the scope (the default), or run into debt up to the overdraft limit.
 */
export type CommitOveragePolicy = (typeof overagePolicies)[number];

export const overagePolicies = ["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"] as const;

export const commitOveragePolicy: Shape<CommitOveragePolicy> = oneOf(overagePolicies);

/** Whether a reserve is enforced or only watched (Cycles v0.1.26 §ObserveModeEnum); DISABLED means ENFORCE. */
export type ObserveMode = (typeof observeModes)[number];

const observeModes = ["DISABLED", "OBSERVE", "ENFORCE"] as const;

/** Milliseconds; the spec's ceiling is one day. */
export const ttl: Shape<number> = wholeNumber(1_000, 86_400_000);

/** Milliseconds; the spec's ceiling is one minute. */
export const gracePeriod: Shape<number> = wholeNumber(0, 60_000);

/** Sets budget aside (Cycles §ReservationCreateRequest). */
export interface ReservationCreateRequest {
  readonly idempotency_key: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly estimate: Amount;
  /** 1000 to 86400000; 60000 when absent. */
  readonly ttl_ms?: number | undefined;
  /** 0 to 60000; 5000 when absent. How long after the expiry a commit is still taken. */
  readonly grace_period_ms?: number | undefined;
  readonly overage_policy?: CommitOveragePolicy | undefined;
  /** Evaluates only: no budget is set aside. */
  readonly dry_run?: boolean | undefined;
  /** Overrides the tenant's mode (v0.1.26): OBSERVE evaluates as a dry run does, and emits an event. */
  readonly observe_mode?: ObserveMode | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const reservationCreateRequest: Shape<ReservationCreateRequest> = closedObject({
  idempotency_key: idempotencyKey,
  subject: requestSubject,
  action: requestAction,
  estimate: requestAmount,
  ttl_ms: optional(ttl),
  grace_period_ms: optional(gracePeriod),
  overage_policy: optional(commitOveragePolicy),
  dry_run: optional(flag),
  observe_mode: optional(oneOf(observeModes)),
  metadata: optional(jsonObject),
});

/** The answer to a reserve, a dry run included (Cycles §ReservationCreateResponse). */
export interface ReservationCreateResponse {
  readonly decision: DecisionWord;
  readonly affected_scopes: readonly string[];
  /** Present when something was reserved. */
  readonly reservation_id?: string | undefined;
  readonly reserved?: Amount | undefined;
  /** Epoch milliseconds on the authority's clock. */
  readonly expires_at_ms?: number | undefined;
  /** Milliseconds left when the answer was written; made anew on a replay. */
  readonly remaining_ttl_ms?: number | undefined;
  readonly scope_path?: string | undefined;
  readonly caps?: Caps | undefined;
  readonly balances?: readonly Balance[] | undefined;
  readonly reason_code?: DecisionReasonCode | undefined;
  readonly retry_after_ms?: number | undefined;
  /** Present on DENY of a v0.1.26 authority. */
  readonly deny_detail?: DenyDetail | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const reservationCreateResponse: Shape<ReservationCreateResponse> = object({
  decision: openOneOf(decisions),
  affected_scopes: texts,
  reservation_id: optional(text),
  reserved: optional(amount),
  expires_at_ms: optional(count),
  remaining_ttl_ms: optional(count),
  scope_path: optional(text),
  caps: optional(caps),
  balances: optional(balances),
  reason_code: optional(reasonCode),
  retry_after_ms: optional(count),
  deny_detail: optional(denyDetail),
  cycles_evidence: optional(cyclesEvidenceRef),
});
