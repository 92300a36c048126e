import { type AuthoritySource, type SpendAuthority, Unit } from "@imprest/core";
import { authorityOf } from "@imprest/core/internal";
import { AuthorityBudget, type Budget, type BudgetGuardOptions, checkedOptions } from "./budget.ts";

/**
 * The budget that an authority keeps for you: a Cycles server's, an ASP authority's. It is used as the one of `createBudget`,
 * so that a program which outgrows its own process changes this one line. There is no `limit`: an agent's key cannot set it.
 * Its `balance` is that of the budget in USD_MICROCENTS.
 * @throws ConfigurationError for prices that are none.
 * @param source an authority, or a client that has one.
 * @example
 * const cycles = new CyclesClient({ baseUrl, apiKey, subject: { tenant: "acme" } });
 * const budget = connectBudget(cycles, { prices });
 */
export function connectBudget(source: AuthoritySource, options: BudgetGuardOptions): Budget {
  const open = (): SpendAuthority => authorityOf(source);
  return new AuthorityBudget({ open, subject: undefined, unit: Unit.usdMicrocents, guard: checkedOptions(options) });
}
