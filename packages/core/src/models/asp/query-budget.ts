import { type ProtoCodec, atomic, message, text, timestamp } from "./proto-json.ts";

/** The draft makes the verb optional and omits its shape (ASP §1); this is ours. */
export interface QueryBudgetRequest {
  readonly budgetId: string;
  readonly windowInstanceId?: string | undefined;
  readonly unit: string;
}

export const queryBudgetRequest: ProtoCodec<QueryBudgetRequest> = message<QueryBudgetRequest>(
  { budgetId: text, windowInstanceId: text, unit: text },
  ["budgetId", "unit"],
);

/** All in the unit that was asked for. An amount of zero is written, never left out. */
export interface QueryBudgetResponse {
  readonly allocatedAtomic?: bigint | undefined;
  /** What a reserve may still take. */
  readonly availableAtomic: bigint;
  readonly reservedHoldAtomic?: bigint | undefined;
  readonly committedSpendAtomic?: bigint | undefined;
  /** Spent beyond what there was, by late or overage commits. */
  readonly overCapAtomic?: bigint | undefined;
  readonly asOf?: string | undefined;
}

export const queryBudgetResponse: ProtoCodec<QueryBudgetResponse> = message<QueryBudgetResponse>(
  {
    allocatedAtomic: atomic,
    availableAtomic: atomic,
    reservedHoldAtomic: atomic,
    committedSpendAtomic: atomic,
    overCapAtomic: atomic,
    asOf: timestamp,
  },
  ["availableAtomic"],
);
