import type { Amount } from "../../amount/amount.ts";
import { jsonObject, oneOf, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { type Action, requestAction } from "./action.ts";
import { amount, requestAmount } from "./amount.ts";
import { type Balance, balances } from "./balance.ts";
import { idempotencyKey } from "./decision.ts";
import { type StandardMetrics, standardMetrics } from "./metrics.ts";
import { type CommitOveragePolicy, commitOveragePolicy } from "./reservation.ts";
import { type Subject, requestSubject } from "./subject.ts";

/** Books a spend that no reservation covers (Cycles §EventCreateRequest). */
export interface EventCreateRequest {
  readonly idempotency_key: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly actual: Amount;
  readonly overage_policy?: CommitOveragePolicy | undefined;
  readonly metrics?: StandardMetrics | undefined;
  /** Epoch milliseconds by the client's clock; for display only. */
  readonly client_time_ms?: number | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const eventCreateRequest: Shape<EventCreateRequest> = closedObject({
  idempotency_key: idempotencyKey,
  subject: requestSubject,
  action: requestAction,
  actual: requestAmount,
  overage_policy: optional(commitOveragePolicy),
  metrics: optional(standardMetrics),
  client_time_ms: optional(wholeNumber(0)),
  metadata: optional(jsonObject),
});

/** The booked spend (Cycles §EventCreateResponse). `charged` is there when it was capped below `actual`. */
export interface EventCreateResponse {
  readonly status: "APPLIED";
  readonly event_id: string;
  readonly charged?: Amount | undefined;
  readonly balances?: readonly Balance[] | undefined;
}

export const eventCreateResponse: Shape<EventCreateResponse> = object({
  status: oneOf(["APPLIED"]),
  event_id: text,
  charged: optional(amount),
  balances: optional(balances),
});
