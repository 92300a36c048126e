export { type Balance } from "./budget/balance.ts";
export { type Budget, type BudgetEvents, type BudgetGuardOptions } from "./budget/budget.ts";
export { connectBudget } from "./budget/connect-budget.ts";
export { type CreateBudgetOptions, type LocalBudget, createBudget } from "./budget/create-budget.ts";
export { type Limit } from "./budget/local-budgets.ts";
export { type ThresholdEvent } from "./budget/thresholds.ts";
export {
  type Amount,
  DeniedError,
  formatAmount,
  guard,
  parseAmount,
  usd,
  withReservation,
  withReservationStream,
} from "@imprest/core";
export { type ModelPrices, type PriceTable, createPriceTable, denialOf, denialResponse } from "@imprest/llm";
export { type DurableObjectStorage, durableObjectStore } from "@imprest/embedded/ledger";
