import * as z from "zod/mini";
import type { Amount } from "../../amount/amount.ts";
import type { WireSchema } from "../../wire/schema.ts";
import { amountSchema, requestAmountSchema } from "./amount.ts";
import { type Balance, balancesSchema } from "./balance.ts";
import { idempotencyKeySchema } from "./decision.ts";
import { type CyclesEvidenceRef, evidenceRefSchema } from "./evidence.ts";
import { jsonObject, oneOf, requestObject, responseObject } from "./fields.ts";
import { type StandardMetrics, requestMetricsSchema } from "./metrics.ts";

/** Settles a reservation with what was spent (Cycles §CommitRequest). */
export interface CommitRequest {
  readonly idempotency_key: string;
  /** In the unit of the estimate. */
  readonly actual: Amount;
  readonly metrics?: StandardMetrics | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const commitRequestSchema: WireSchema<CommitRequest> = requestObject({
  idempotency_key: idempotencyKeySchema,
  actual: requestAmountSchema,
  metrics: z.optional(requestMetricsSchema),
  metadata: z.optional(jsonObject),
});

/** What was charged and given back (Cycles §CommitResponse). `charged` below `actual` means it was capped. */
export interface CommitResponse {
  readonly status: "COMMITTED";
  readonly charged: Amount;
  readonly released?: Amount | undefined;
  readonly balances?: readonly Balance[] | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const commitResponseSchema: WireSchema<CommitResponse> = responseObject({
  status: oneOf(["COMMITTED"]),
  charged: amountSchema,
  released: z.optional(amountSchema),
  balances: z.optional(balancesSchema),
  cycles_evidence: z.optional(evidenceRefSchema),
});
