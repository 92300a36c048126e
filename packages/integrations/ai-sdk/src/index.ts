export { budgetLeft } from "./budget-left.ts";
export { budgetMiddleware } from "./budget-middleware.ts";
export { budgetTelemetry } from "./budget-telemetry.ts";
export type { BudgetMiddleware, BudgetTelemetry, CallParameters, CalledModel } from "./host.ts";
export type { ModelBudget } from "@imprest/llm/internal";
