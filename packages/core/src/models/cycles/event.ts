import * as z from "zod/mini";
import type { Amount } from "../../amount/amount.ts";
import type { WireSchema } from "../../wire/schema.ts";
import { type Action, requestActionSchema } from "./action.ts";
import { amountSchema, requestAmountSchema } from "./amount.ts";
import { type Balance, balancesSchema } from "./balance.ts";
import { idempotencyKeySchema } from "./decision.ts";
import { jsonObject, oneOf, requestObject, responseObject, text, wholeNumber } from "./fields.ts";
import { type StandardMetrics, requestMetricsSchema } from "./metrics.ts";
import { type CommitOveragePolicy, overagePolicySchema } from "./reservation.ts";
import { type Subject, requestSubjectSchema } from "./subject.ts";

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

export const eventCreateRequestSchema: WireSchema<EventCreateRequest> = requestObject({
  idempotency_key: idempotencyKeySchema,
  subject: requestSubjectSchema,
  action: requestActionSchema,
  actual: requestAmountSchema,
  overage_policy: z.optional(overagePolicySchema),
  metrics: z.optional(requestMetricsSchema),
  client_time_ms: z.optional(wholeNumber(0)),
  metadata: z.optional(jsonObject),
});

/** The booked spend (Cycles §EventCreateResponse). `charged` is told when it was capped below `actual`. */
export interface EventCreateResponse {
  readonly status: "APPLIED";
  readonly event_id: string;
  readonly charged?: Amount | undefined;
  readonly balances?: readonly Balance[] | undefined;
}

export const eventCreateResponseSchema: WireSchema<EventCreateResponse> = responseObject({
  status: oneOf(["APPLIED"]),
  event_id: text,
  charged: z.optional(amountSchema),
  balances: z.optional(balancesSchema),
});
