import type { Amount } from "../../amount/amount.ts";
import { jsonObject, oneOf, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { type Action, requestActionShape } from "./action.ts";
import { amountShape, requestAmountShape } from "./amount.ts";
import { type Balance, balancesShape } from "./balance.ts";
import { idempotencyKeyShape } from "./decision.ts";
import { type StandardMetrics, requestMetricsShape } from "./metrics.ts";
import { type CommitOveragePolicy, overagePolicyShape } from "./reservation.ts";
import { type Subject, requestSubjectShape } from "./subject.ts";

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

export const eventCreateRequestShape: Shape<EventCreateRequest> = closedObject({
  idempotency_key: idempotencyKeyShape,
  subject: requestSubjectShape,
  action: requestActionShape,
  actual: requestAmountShape,
  overage_policy: optional(overagePolicyShape),
  metrics: optional(requestMetricsShape),
  client_time_ms: optional(wholeNumber(0)),
  metadata: optional(jsonObject),
});

/** The booked spend (Cycles §EventCreateResponse). `charged` is told when it was capped below `actual`. */
export interface EventCreateResponse {
  readonly status: "APPLIED";
  readonly event_id: string;
  readonly charged?: Amount | undefined;
  readonly balances?: readonly Balance[] | undefined;
}

export const eventCreateResponseShape: Shape<EventCreateResponse> = object({
  status: oneOf(["APPLIED"]),
  event_id: text,
  charged: optional(amountShape),
  balances: optional(balancesShape),
});
