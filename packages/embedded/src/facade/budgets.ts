import type { Subject } from "@imprest/core";
import { refuseUnknownOptions } from "@imprest/core/internal";
import { type BudgetBalance, balanceOf } from "../ledger/budget.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type {
  BudgetAddress,
  BudgetScope,
  CreateBudget,
  FundBudget,
  RepayDebt,
  ResizeBudget,
} from "../ledger/operator.ts";
import type { Page, PageRequest } from "../ledger/page.ts";
import { assertName, namedLevels } from "../ledger/scopes.ts";

/** A misspelt `period` would make a budget that never begins anew. */
const known: ReadonlySet<string> = new Set<keyof CreateBudget>([
  "scope",
  "tenant",
  "allocated",
  "overdraftLimit",
  "overagePolicy",
  "period",
]);

/** Which budgets to list. */
export interface ListBudgets extends BudgetScope {
  readonly limit?: number | undefined;
}

/** What an operator does to budgets. */
export class BudgetGroup {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Creates the budget of a scope in one unit. Rejects with ConfigurationError for a member that there is none of. */
  async create(request: CreateBudget): Promise<BudgetBalance> {
    refuseUnknownOptions(request, known);
    return this.#ledger.durably(() => this.#ledger.createBudget(request));
  }

  /** Adds funds; debt is repaid first, and an over-limit flag is cleared. */
  fund(request: FundBudget): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.fundBudget(request));
  }

  /** Sets what is allocated, in this period and in each later one; what is spent and reserved stays. */
  resize(request: ResizeBudget): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.resizeBudget(request));
  }

  /** Pays debt off with funds from outside. */
  repayDebt(request: RepayDebt): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.repayDebt(request));
  }

  /** Stops reservations, events and funding until it is unfrozen; active reservations can still be settled. */
  freeze(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.freezeBudget(address));
  }

  /** Lets a frozen budget be reserved from again. */
  unfreeze(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.unfreezeBudget(address));
  }

  /** Stops reservations, events and funding for good; active reservations can still be settled. */
  close(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.closeBudget(address));
  }

  /** A budget as it stands. */
  get(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#ledger.durably(() => this.#ledger.getBudget(address));
  }

  /**
   * Every balance of a tenant under a scope, the scope's own included; `{ scope: {}, tenant }` for all of the tenant's.
   * By scope path, at most `limit` of them.
   */
  async list({ scope, tenant = scope.tenant, limit = Infinity }: ListBudgets): Promise<BudgetBalance[]> {
    assertName(tenant, "The tenant");
    const all: BudgetBalance[] = [];
    let cursor: string | undefined;
    do {
      const request = { tenant, limit: 200, cursor };
      const page = await this.#ledger.durably(() => this.#page(scope, request));
      all.push(...page.rows);
      cursor = page.nextCursor;
    } while (cursor !== undefined && all.length < limit);
    return all.slice(0, limit);
  }

  #page(scope: Subject, request: PageRequest & { readonly tenant: string }): Page<BudgetBalance> {
    if (namedLevels(scope).length > 0) {
      return this.#ledger.listBalances({ ...request, subject: scope, includeChildren: true });
    }
    const { rows, nextCursor } = this.#ledger.listBudgets(request);
    return { rows: rows.map(balanceOf), nextCursor };
  }
}
