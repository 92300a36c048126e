import type { Amount } from "../../amount/amount.ts";
import { jsonObject, oneOf } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { amount, requestAmount } from "./amount.ts";
import { type Balance, balances } from "./balance.ts";
import { idempotencyKey } from "./decision.ts";
import { type CyclesEvidenceRef, cyclesEvidenceRef } from "./evidence.ts";
import { type StandardMetrics, standardMetrics } from "./metrics.ts";

/** Settles a reservation with what was spent (Cycles §CommitRequest). */
export interface CommitRequest {
  readonly idempotency_key: string;
  /** In the unit of the estimate. */
  readonly actual: Amount;
  readonly metrics?: StandardMetrics | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const commitRequest: Shape<CommitRequest> = closedObject({
  idempotency_key: idempotencyKey,
  actual: requestAmount,
  metrics: optional(standardMetrics),
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

export const commitResponse: Shape<CommitResponse> = object({
  status: oneOf(["COMMITTED"]),
  charged: amount,
  released: optional(amount),
  balances: optional(balances),
  cycles_evidence: optional(cyclesEvidenceRef),
});
