import type { Subject } from "@imprest/core";
import { subjectLevels } from "@imprest/core/internal";
import { type BudgetBalance, balanceOf } from "./budget.ts";
import type { Calling } from "./requests.ts";
import { isWithin } from "./scope-filter.ts";
import { type Page, type PageRequest, pageOf } from "./page.ts";
import { LedgerRefusal } from "./refusal.ts";
import { hasLevels, namedLevels, subjectOf } from "./scopes.ts";
import type { LedgerState } from "./state.ts";
import { budgetsOf } from "./tenant.ts";

export interface ListBalancesRequest extends PageRequest, Calling {
  /** Levels that a scope must name with these values. */
  readonly subject: Subject;
  /** Also the scopes beneath the innermost level of `subject`. By default: false. */
  readonly includeChildren?: boolean | undefined;
}

/**
 * A tenant's balances at the scopes that the subject matches, by scope path (Cycles §getBalances).
 * @throws LedgerRefusal INVALID_REQUEST for a subject that names no level.
 */
export function listBalances(state: LedgerState, request: ListBalancesRequest): Page<BudgetBalance> {
  state.begin();
  const { tenant, subject, includeChildren = false } = request;
  const wanted = namedLevels(subject);
  const innermost = wanted.at(-1)?.[0];
  if (innermost === undefined) {
    throw new LedgerRefusal("INVALID_REQUEST", `Name at least one of ${subjectLevels.join(", ")} to filter by.`);
  }
  const deeper = includeChildren ? [] : subjectLevels.slice(subjectLevels.indexOf(innermost) + 1);
  const record = state.tenants.get(tenant);
  const found = Array.from(record === undefined ? [] : budgetsOf(record)).filter(({ scopePath }) => {
    const scope = subjectOf(scopePath);
    return (
      isWithin(request.within, scopePath) &&
      hasLevels(scope, wanted) &&
      deeper.every((level) => scope[level] === undefined)
    );
  });
  const filter = [tenant, wanted, includeChildren];
  return pageOf(
    found.map(balanceOf),
    ({ scopePath, unit }) => [scopePath, unit],
    { descending: false, filter },
    request,
  );
}
