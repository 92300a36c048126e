import type { Amount } from "../amount/amount.ts";
import type { Subject } from "./request.ts";

/** Whose budget, and in which unit. */
export interface BudgetQuery {
  readonly subject?: Subject | undefined;
  readonly unit: string;
}

/** A budget at one moment, all in one unit. A member is absent where the authority does not say it. */
export interface BudgetBooks {
  /** What was allocated. */
  readonly limit?: Amount | undefined;
  readonly spent?: Amount | undefined;
  /** What open reservations hold. */
  readonly reserved?: Amount | undefined;
  /** What a reserve can still take; negative once more was spent than allocated. */
  readonly remaining: Amount;
}
