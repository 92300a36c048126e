import type { Amount } from "../../amount/amount.ts";
import { boundedText, oneOf } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { amount } from "./amount.ts";
import { type Balance, balances } from "./balance.ts";
import { idempotencyKey } from "./decision.ts";
import { type CyclesEvidenceRef, cyclesEvidenceRef } from "./evidence.ts";

/** Gives a reservation back unspent (Cycles §ReleaseRequest). */
export interface ReleaseRequest {
  readonly idempotency_key: string;
  /** At most 256 characters. */
  readonly reason?: string | undefined;
}

export const releaseRequest: Shape<ReleaseRequest> = closedObject({
  idempotency_key: idempotencyKey,
  reason: optional(boundedText(256)),
});

/** What was given back (Cycles §ReleaseResponse). */
export interface ReleaseResponse {
  readonly status: "RELEASED";
  readonly released: Amount;
  readonly balances?: readonly Balance[] | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const releaseResponse: Shape<ReleaseResponse> = object({
  status: oneOf(["RELEASED"]),
  released: amount,
  balances: optional(balances),
  cycles_evidence: optional(cyclesEvidenceRef),
});
