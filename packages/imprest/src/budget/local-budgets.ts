import { type Amount, ConfigurationError, type Subject, parseAmount } from "@imprest/core";
import { assertAmount, refuseUnknownOptions, subjectLevels } from "@imprest/core/internal";
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
  /** Whose days: a name such as `"Europe/Berlin"`. By default: UTC. */
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
  /** The latest limit of each scope; all are in one unit. */
  readonly #wanted = new Map<string, Wanted>();
  /** Each limit as it comes to stand in the ledger; rejects where the ledger refused it. */
  readonly #standing = new Map<string, Promise<void>>();
  #isClosed = false;
  #ledger: LedgerAuthority | undefined;

  constructor(open: () => LedgerAuthority) {
    this.#open = open;
  }

  /** @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read. */
  get ledger(): LedgerAuthority {
    if (this.#ledger === undefined) {
      if (this.#isClosed) throw new LedgerUnavailableError("The budget is closed.");
      this.#ledger = this.#open();
      for (const [key, wanted] of this.#wanted) this.#make(this.#ledger, key, wanted);
    }
    return this.#ledger;
  }

  /**
   * Resolves when every limit that holds for `subject` stands in the ledger. A limit that was refused stops the calls that it
   * is for, until it is given again, and no other.
   * @throws LedgerRefusal or ConfigurationError for a limit that cannot stand.
   */
  async ready(subject: Subject): Promise<void> {
    const own = scopesAround(subject).map((levels) => this.#standing.get(keyOf(levels)));
    await Promise.all(own);
  }

  /** Sets a limit; a later one of the same scope takes its place. @throws ValidationError for what is no amount. */
  add(subject: Subject, limit: Limit): Amount {
    const allocated = readLimit(limit);
    if (limit.timeZone !== undefined && limit.every === undefined) {
      throw new ConfigurationError(
        "timeZone says when a period begins, and there is none: give every, or leave it out.",
      );
    }
    const wanted = { scope: { ...subject, tenant }, allocated, limit };
    const key = keyOf(levelsOf(wanted.scope));
    this.#wanted.set(key, wanted);
    if (this.#ledger !== undefined) this.#make(this.#ledger, key, wanted);
    return allocated;
  }

  /** As `add`, of a part that `subject` names within what is named already. @throws ConfigurationError where it names none. */
  addPart(
    subject: Subject,
    { subject: scope = {}, unit }: { readonly subject: Subject | undefined; readonly unit: string },
    limit: Limit,
  ): void {
    if (!subjectLevels.some((level) => level !== "tenant" && typeof subject[level] === "string")) {
      const named = subjectLevels.filter((level) => level !== "tenant").join(", ");
      throw new ConfigurationError(`A limit belongs to a part that one of ${named} names, and the subject names none.`);
    }
    const allocated = readLimit(limit);
    if (allocated.unit !== unit) {
      throw new ConfigurationError(
        `The budget is kept in ${unit}, so a part of it is too, and not in ${allocated.unit}.`,
      );
    }
    this.add(scope, limit);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#ledger?.close();
  }

  #make(ledger: LedgerAuthority, key: string, wanted: Wanted): void {
    const made = (this.#standing.get(key) ?? Promise.resolve()).catch(() => {}).then(() => stand(ledger, wanted));
    this.#standing.set(key, made);
    // `ready` rejects with it.
    made.catch(() => {});
  }
}

/** @throws ValidationError for what is no amount, ConfigurationError for an option that there is not. */
function readLimit({ limit, every: _every, timeZone: _timeZone, ...more }: Limit): Amount {
  refuseUnknownOptions(more, new Set());
  const allocated = typeof limit === "string" ? parseAmount(limit) : limit;
  assertAmount(allocated, "limit");
  return allocated;
}

type Levels = readonly (string | undefined)[];

/** The levels of a scope, spelled alike: a name in another case is the same name. */
function levelsOf(scope: Subject): Levels {
  return subjectLevels.map((level) => scope[level]?.toLowerCase());
}

function keyOf(levels: Levels): string {
  return JSON.stringify(levels);
}

/**
 * The scopes that a call of `subject` draws on, from the outside in: a limit of an agent is not one of the same agent within a
 * workflow. Looked up by name, because an application may have a part for each of its users.
 */
function scopesAround(subject: Subject): readonly Levels[] {
  const levels = levelsOf({ ...subject, tenant });
  return levels.map((_name, at) => levels.map((name, other) => (other <= at ? name : undefined)));
}

/** Has a limit stand in the ledger: made, or as large as it is now where the store holds it from before. */
async function stand(ledger: LedgerAuthority, { scope, allocated, limit }: Wanted): Promise<void> {
  const { every, timeZone } = limit;
  const period = every === undefined ? undefined : { every, timeZone };
  await assertSameUnit(ledger, scope, allocated.unit);
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

/** A limit in another unit than what the store holds would stand beside it and hold for no call. */
async function assertSameUnit(ledger: LedgerAuthority, scope: Subject, unit: string): Promise<void> {
  const isWhole = levelsOf(scope).every((name, at) => name === undefined || subjectLevels[at] === "tenant");
  if (!isWhole) return;
  const stored = (await ledger.budgets.list({ scope })).find((budget) => budget.scopePath === `tenant:${tenant}`);
  if (stored === undefined || stored.unit === unit) return;
  throw new ConfigurationError(
    `The store holds this budget from before, in ${stored.unit}; give it the same unit, or another store.`,
  );
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
