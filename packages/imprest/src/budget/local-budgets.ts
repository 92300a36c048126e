import { type Amount, ConfigurationError, type Subject, parseAmount } from "@imprest/core";
import { assertAmount } from "@imprest/core/internal";
import {
  type BudgetBalance,
  type CalendarUnit,
  type LedgerAuthority,
  LedgerRefusal,
  LedgerUnavailableError,
  type PeriodBalance,
} from "@imprest/embedded/ledger";

/** How much may be spent, and when it begins anew. */
export interface Limit {
  /** `"$5.00"`, or an amount of any unit. */
  readonly limit: Amount | string;
  /** The budget begins anew each hour, day, week or month; never when absent. */
  readonly every?: CalendarUnit | undefined;
  /** Whose days: a name such as `"Europe/Berlin"`. Default: UTC. */
  readonly timeZone?: string | undefined;
}

/** Whose budgets the ledger of one process keeps: there is nobody to keep apart. */
export const tenant = "local";

/** A limit that was read, and whom it is for. */
interface Wanted {
  readonly scope: Subject;
  readonly allocated: Amount;
  readonly limit: Limit;
}

/** The limits of one process, and the ledger that holds them once it is opened. */
export class LocalBudgets {
  readonly #open: () => LedgerAuthority;
  readonly #wanted: Wanted[] = [];
  #isClosed = false;
  #ledger: LedgerAuthority | undefined;
  #made: Promise<unknown> = Promise.resolve();

  constructor(open: () => LedgerAuthority) {
    this.#open = open;
  }

  /** @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read. */
  get ledger(): LedgerAuthority {
    if (this.#ledger === undefined) {
      if (this.#isClosed) throw new LedgerUnavailableError("The budget is closed.");
      this.#ledger = this.#open();
      for (const wanted of this.#wanted) this.#make(this.#ledger, wanted);
    }
    return this.#ledger;
  }

  /** Resolves when every limit stands in the ledger. @throws LedgerRefusal for a limit that it cannot hold. */
  async ready(): Promise<void> {
    await this.#made;
  }

  /** Sets a limit. @throws ValidationError for what is no amount. */
  add(subject: Subject, limit: Limit): Amount {
    const allocated = typeof limit.limit === "string" ? parseAmount(limit.limit) : limit.limit;
    assertAmount(allocated, "limit");
    if (limit.timeZone !== undefined && limit.every === undefined) {
      throw new ConfigurationError(
        "timeZone says when a period begins, and there is none: give every, or leave it out.",
      );
    }
    const wanted = { scope: { ...subject, tenant }, allocated, limit };
    if (this.#ledger === undefined) this.#wanted.push(wanted);
    else this.#make(this.#ledger, wanted);
    return allocated;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#ledger?.close();
  }

  #make(ledger: LedgerAuthority, wanted: Wanted): void {
    const made = standing(ledger, wanted);
    this.#made = Promise.all([this.#made, made]);
    // `ready` rejects with it.
    this.#made.catch(() => {});
  }
}

/** Has a limit stand in the ledger: made, or as large as it is now where the store holds it from before. */
async function standing(ledger: LedgerAuthority, { scope, allocated, limit }: Wanted): Promise<void> {
  const { every, timeZone } = limit;
  const period = every === undefined ? undefined : { every, timeZone };
  try {
    await ledger.budgets.create({ scope, allocated, period });
  } catch (error) {
    if (!LedgerRefusal.isInstance(error) || error.reason !== "DUPLICATE_RESOURCE") throw error;
    const found = await ledger.budgets.get({ scope, unit: allocated.unit });
    assertSamePeriod(found, limit);
    const standsAt = found.period?.allocation ?? found.allocated;
    if (standsAt !== allocated.amount) await ledger.budgets.resize({ scope, allocated });
  }
}

function assertSamePeriod({ period }: BudgetBalance, { every, timeZone }: Limit): void {
  const isSame = every === undefined ? period === undefined : period?.every === every && isSameZone(period, timeZone);
  if (isSame) return;
  const stored =
    period === undefined
      ? "does not begin anew"
      : `begins anew each ${period.every ?? "period"} of ${period.timeZone ?? "UTC"}`;
  throw new ConfigurationError(
    `The store holds this budget from before, and it ${stored}; give it the same, or another store.`,
  );
}

/** Names of one zone are many: the ledger keeps the canonical one. */
function isSameZone({ timeZone: stored = "UTC" }: PeriodBalance, asked = "UTC"): boolean {
  const canonical = (name: string): string =>
    new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
  return canonical(stored) === canonical(asked);
}
