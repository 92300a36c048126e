import type { Amount } from "../../amount/amount.ts";
import { jsonObject, oneOf } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { amountShape, requestAmountShape } from "./amount.ts";
import { type Balance, balancesShape } from "./balance.ts";
import { idempotencyKeyShape } from "./decision.ts";
import { type CyclesEvidenceRef, evidenceRefShape } from "./evidence.ts";
import { type StandardMetrics, requestMetricsShape } from "./metrics.ts";

/** Settles a reservation with what was spent (Cycles §CommitRequest). */
export interface CommitRequest {
  readonly idempotency_key: string;
  /** In the unit of the estimate. */
  readonly actual: Amount;
  readonly metrics?: StandardMetrics | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const commitRequestShape: Shape<CommitRequest> = closedObject({
  idempotency_key: idempotencyKeyShape,
  actual: requestAmountShape,
  metrics: optional(requestMetricsShape),
  metadata: optional(jsonObject),
});

/** What was charged and given back (Cycles §CommitResponse). `charged` below `actual` means it was capped. */
export interface CommitResponse {
  readonly status: "COMMITTED";
  readonly charged: Amount;
  readonly released?: Amount | undefined;
  readonly balances?: readonly Balance[] | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const commitResponseShape: Shape<CommitResponse> = object({
  status: oneOf(["COMMITTED"]),
  charged: amountShape,
  released: optional(amountShape),
  balances: optional(balancesShape),
  cycles_evidence: optional(evidenceRefShape),
});
