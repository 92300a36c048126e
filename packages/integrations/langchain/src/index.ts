export { type BudgetMiddlewareOptions, budgetMiddleware } from "./budget-middleware.ts";
export type { ModelBudget } from "@imprest/llm/internal";
