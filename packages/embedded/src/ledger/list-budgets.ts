import type { Budget } from "./budget.ts";
import type { Calling } from "./requests.ts";
import { isWithin } from "./scope-filter.ts";
import { type Page, type PageRequest, pageOf } from "./page.ts";
import type { LedgerState } from "./state.ts";
import { canonicalScope } from "./scopes.ts";
import { budgetsOf } from "./tenant.ts";

export interface ListBudgetsRequest extends PageRequest, Calling {
  /** The beginning of a scope path. */
  readonly scopePrefix?: string | undefined;
  readonly unit?: string | undefined;
}

/** A tenant's budgets by scope path (Cycles governance §getBalances). @throws LedgerRefusal as `pageOf`. */
export function listBudgets(state: LedgerState, request: ListBudgetsRequest): Page<Budget> {
  state.begin();
  const { tenant, unit } = request;
  const scopePrefix = canonicalScope(request.scopePrefix ?? "");
  const record = state.tenants.get(tenant);
  const found = Array.from(record === undefined ? [] : budgetsOf(record)).filter(
    (budget) =>
      isWithin(request.within, budget.scopePath) &&
      budget.scopePath.startsWith(scopePrefix) &&
      (unit === undefined || budget.unit === unit),
  );
  const order = { descending: false, filter: [tenant, scopePrefix, unit] };
  return pageOf(found, (budget) => [budget.scopePath, budget.unit], order, request);
}
