import type { Subject } from "@imprest/core";
import { type BudgetBalance, balanceOf, remainingOf } from "./budget.ts";
import type { LedgerState } from "./state.ts";

/** Whose budgets, and in which unit. */
export interface TightestBudgetRequest {
  readonly tenant: string;
  readonly subject: Subject;
  readonly unit: string;
}

/** Of the budgets that a subject draws on, the one with least left; `undefined` where there is none in that unit. */
export function tightestBudget(
  state: LedgerState,
  { tenant, subject, unit }: TightestBudgetRequest,
): BudgetBalance | undefined {
  state.begin();
  const budgets = state.tenants.get(tenant)?.budgets;
  const found = state.scopes.scopesOf(subject).affected.flatMap((scope) => budgets?.get(scope)?.get(unit) ?? []);
  const [tightest] = found.toSorted((one, other) => (remainingOf(one) < remainingOf(other) ? -1 : 1));
  return tightest && balanceOf(tightest);
}
