import type { QueryBudgetRequest, QueryBudgetResponse } from "@imprest/core/models/asp";
import type { AspBooks } from "./books.ts";
import { scopeOf } from "./budget-scope.ts";

/** What a budget holds, has spent and has left. @throws AspRefusal, or what the ledger refuses. */
export function queryBudget(
  { ledger, reservations }: AspBooks,
  tenant: string,
  { budgetId, unit }: QueryBudgetRequest,
): QueryBudgetResponse {
  const nowMs = reservations.advance();
  const budget = ledger.getBudget({ tenant, scope: scopeOf(budgetId), unit });
  const { allocated, remaining, reserved, spent, debt } = budget;
  return {
    allocatedAtomic: allocated,
    availableAtomic: remaining > 0n ? remaining : 0n,
    reservedHoldAtomic: reserved,
    committedSpendAtomic: spent + debt,
    overCapAtomic: remaining < 0n ? -remaining : 0n,
    asOf: new Date(nowMs).toISOString(),
  };
}
