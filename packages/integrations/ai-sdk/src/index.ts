export { budgetLeft } from "./budget-left.ts";
export { budgetMiddleware } from "./budget-middleware.ts";
export type { BudgetMiddleware, CallParameters, CalledModel } from "./host.ts";
export type { ModelBudget } from "@imprest/llm/internal";
