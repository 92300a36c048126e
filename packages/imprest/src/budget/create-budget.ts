import type { Clock, Logger, RecordStore, SpendAuthority, Subject } from "@imprest/core";
import { LedgerAuthority } from "@imprest/embedded/internal";
import type { LedgerStore, Policy } from "@imprest/embedded/ledger";
import { AuthorityBudget, type Budget, type BudgetGuardOptions, type BudgetParts, checkedOptions } from "./budget.ts";
import { type Limit, LocalBudgets, tenant } from "./local-budgets.ts";
import { speakingFor } from "./speaking-for.ts";

/** How a budget of this process is made. */
export interface CreateBudgetOptions extends Limit, BudgetGuardOptions {
  /**
   * Keeps the books beyond the process: `sqliteStore({ file })` of `imprest/node`, or `durableObjectStore(ctx.storage)` in a
   * Durable Object. Without it, they are in memory.
   */
  readonly store?: LedgerStore | undefined;
  /**
   * Keeps beyond the process which payments were made, and settlements under way: `sqliteRecordStore(file)` of
   * `@imprest/core/node`. Give it beside `store` where the budget guards payments: without it, they are in memory.
   */
  readonly records?: RecordStore | undefined;
  /** Caps and denials by your own rules. */
  readonly policy?: Policy | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/** A budget whose books are in this process. */
export interface LocalBudget extends Budget {
  /**
   * The same budget for a part of the application; with a limit, that part has a budget of its own within it.
   * @throws ConfigurationError for a limit in another unit than the whole's, and for a subject that names no part: its limit
   * would be that of the whole.
   */
  for(subject: Subject, limit?: Limit): LocalBudget;
  /** Waits until everything is written, and closes the store. Calls that come later fail. */
  close(): Promise<void>;
  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * How often a call under way may prolong its hold, by minutes each time: for some days, longer than any call lives. The ledger is
 * of the same process as the calls, so that no hold outlives the one that prolongs it.
 */
const maxExtensions = 1_000;

/**
 * A budget of this process: in memory, or in a store of its own. It is a limit for this process alone, and on serverless
 * platforms for one isolate; `connectBudget` shares one among many. Nothing happens until it is first used.
 * @throws ConfigurationError or ValidationError for an option that cannot be used; what a store refuses is thrown by the
 * first use.
 * @example
 * const budget = createBudget({ limit: "$5.00", every: "day", prices });
 * const openai = new OpenAI({ fetch: budget.fetch });
 */
export function createBudget(options: CreateBudgetOptions): LocalBudget {
  const { limit, every, timeZone, store, records, policy, clock, logger, ...guard } = options;
  // What a call cost stands in the books, also where it is more than was held and more than is left.
  const overagePolicy = "CHARGE_OVERAGE";
  const ledger = { store, policy, clock, overagePolicy, maxExtensions } as const;
  const budgets = new LocalBudgets(() => new LedgerAuthority(ledger));
  const { unit } = budgets.add({}, { limit, every, timeZone });
  const open = (): SpendAuthority => {
    const authority = budgets.ledger.authority({ tenant, records, clock, logger });
    return speakingFor(authority, {}, (subject) => budgets.ready(subject));
  };
  return new LedgerBudget({ open, subject: undefined, unit, guard: checkedOptions(guard) }, budgets);
}

class LedgerBudget extends AuthorityBudget implements LocalBudget {
  readonly #budgets: LocalBudgets;

  constructor(parts: BudgetParts, budgets: LocalBudgets) {
    super(parts);
    this.#budgets = budgets;
  }

  override for(subject: Subject, limit?: Limit): LocalBudget {
    const parts = this.partsFor(subject);
    if (limit !== undefined) this.#budgets.addPart(subject, parts, limit);
    return new LedgerBudget(parts, this.#budgets);
  }

  close(): Promise<void> {
    return this.#budgets.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
