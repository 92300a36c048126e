import { message, protoText } from "../../wire/proto.ts";
import { type Shape, optional } from "../../wire/shape.ts";
import { atomic, optionalAtomic, optionalText, timestamp } from "./fields.ts";

/** The draft makes the verb optional and omits its shape (ASP §1); this is ours. */
export interface QueryBudgetRequest {
  readonly budgetId: string;
  readonly windowInstanceId?: string | undefined;
  readonly unit: string;
}

export const queryBudgetRequest: Shape<QueryBudgetRequest> = message({
  budgetId: protoText,
  windowInstanceId: optionalText,
  unit: protoText,
});

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

export const queryBudgetResponse: Shape<QueryBudgetResponse> = message({
  allocatedAtomic: optionalAtomic,
  availableAtomic: atomic,
  reservedHoldAtomic: optionalAtomic,
  committedSpendAtomic: optionalAtomic,
  overCapAtomic: optionalAtomic,
  asOf: optional(timestamp),
});
