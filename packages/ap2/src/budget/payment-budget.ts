import type { CallOptions, Grant, Intent, ReserveRequest, SettlementInstruction, SpendAuthority } from "@imprest/core";
import type { Attempt } from "../ledger/attempt.ts";
import type { SettlementBase } from "../settlement-bodies.ts";

/** One attempt to pay, as its reserve and its settlements are written from. */
export interface PaymentBytes {
  /** The exact bytes of the reserve, as Cycles has them. */
  readonly reserveBody: string;
  readonly scope: string;
  readonly suffix: string;
  readonly claim: string;
  /** The caller does not look at caps (`compat: "python"`), so the kernel must not refuse them. */
  readonly ignoresCaps: boolean;
  /** The reserve was sent before, and nobody knows what became of it. */
  readonly isResumed: boolean;
}

/** What payments need of whoever keeps the budget: a Cycles server, or any authority of core's port. */
export interface PaymentBudget extends Pick<
  SpendAuthority,
  "protocol" | "target" | "environment" | "dedupeHorizonMs" | "extend" | "settle"
> {
  /** @throws AP2GuardDenied for a No; AP2AlreadyConsumed when the key was used with other bytes, or its reservation ended. */
  reserve(
    bytes: PaymentBytes,
    request: ReserveRequest,
    options: CallOptions & { readonly idempotencyKey: string },
  ): Promise<Grant>;
  /** Freezes a settlement under the keys that follow from the mandate. */
  prepare(base: SettlementBase, intent: Intent): SettlementInstruction;
  /** What a reserve would be answered, as the error that says so. */
  probe(body: string, idempotencyKey: string, options: CallOptions): Promise<unknown>;
  /** @throws AP2AlreadyConsumed when somebody else's reservation stands under the attempt's key. */
  assertUnknown(attempt: Attempt, idempotencyKey: string, options: CallOptions): Promise<void>;
}
