import type { Amount } from "../../amount/amount.ts";
import { boundedText, oneOf } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { amountShape } from "./amount.ts";
import { type Balance, balancesShape } from "./balance.ts";
import { idempotencyKeyShape } from "./decision.ts";
import { type CyclesEvidenceRef, evidenceRefShape } from "./evidence.ts";

/** Gives a reservation back unspent (Cycles §ReleaseRequest). */
export interface ReleaseRequest {
  readonly idempotency_key: string;
  /** At most 256 characters. */
  readonly reason?: string | undefined;
}

export const releaseRequestShape: Shape<ReleaseRequest> = closedObject({
  idempotency_key: idempotencyKeyShape,
  reason: optional(boundedText(256)),
});

/** What was given back (Cycles §ReleaseResponse). */
export interface ReleaseResponse {
  readonly status: "RELEASED";
  readonly released: Amount;
  readonly balances?: readonly Balance[] | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const releaseResponseShape: Shape<ReleaseResponse> = object({
  status: oneOf(["RELEASED"]),
  released: amountShape,
  balances: optional(balancesShape),
  cycles_evidence: optional(evidenceRefShape),
});
