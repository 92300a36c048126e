import * as z from "zod/mini";
import type { Amount } from "../../amount/amount.ts";
import type { WireSchema } from "../../wire/schema.ts";
import { amountSchema } from "./amount.ts";
import { type Balance, balancesSchema } from "./balance.ts";
import { idempotencyKeySchema } from "./decision.ts";
import { type CyclesEvidenceRef, evidenceRefSchema } from "./evidence.ts";
import { boundedText, oneOf, requestObject, responseObject } from "./fields.ts";

/** Gives a reservation back unspent (Cycles §ReleaseRequest). */
export interface ReleaseRequest {
  readonly idempotency_key: string;
  /** At most 256 characters. */
  readonly reason?: string | undefined;
}

export const releaseRequestSchema: WireSchema<ReleaseRequest> = requestObject({
  idempotency_key: idempotencyKeySchema,
  reason: z.optional(boundedText(256)),
});

/** What was given back (Cycles §ReleaseResponse). */
export interface ReleaseResponse {
  readonly status: "RELEASED";
  readonly released: Amount;
  readonly balances?: readonly Balance[] | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const releaseResponseSchema: WireSchema<ReleaseResponse> = responseObject({
  status: oneOf(["RELEASED"]),
  released: amountSchema,
  balances: z.optional(balancesSchema),
  cycles_evidence: z.optional(evidenceRefSchema),
});
