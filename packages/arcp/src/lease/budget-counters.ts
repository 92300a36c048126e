import { moneyToWire } from "./money.ts";

/**
 * The budget counters of one job (ARCP §9.6), in 10^-12 of each currency. A delegated job's spend counts against its
 * own ceilings and those of every job above it; a job without `cost.budget` spends its parent's.
 */
export class BudgetCounters {
  readonly #limits: ReadonlyMap<string, bigint>;
  readonly #parent: BudgetCounters | undefined;
  readonly #spent = new Map<string, bigint>();
  readonly #held = new Map<string, bigint>();

  constructor(limits: ReadonlyMap<string, bigint>, parent?: BudgetCounters) {
    this.#limits = limits;
    this.#parent = parent;
  }

  /** The currencies with a ceiling here or above. */
  get currencies(): readonly string[] {
    return [...new Set([...this.#limits.keys(), ...(this.#parent?.currencies ?? [])])];
  }

  /** This job's own ceilings. */
  get limits(): ReadonlyMap<string, bigint> {
    return this.#limits;
  }

  /** What may still be spent: the least of this job's counter and those above. `undefined` without any ceiling. */
  remaining(currency: string): bigint | undefined {
    return this.#least(currency, (counters, limit) => limit - (counters.#spent.get(currency) ?? 0n));
  }

  /** What was spent here and below. */
  spent(currency: string): bigint {
    return this.#spent.get(currency) ?? 0n;
  }

  /** What may still be reserved: as `remaining`, less what is held. */
  available(currency: string): bigint | undefined {
    return this.#least(
      currency,
      (counters, limit) => limit - (counters.#spent.get(currency) ?? 0n) - (counters.#held.get(currency) ?? 0n),
    );
  }

  /** A currency of which nothing is left; while there is one, every operation is refused (ARCP §9.6). */
  get exhausted(): string | undefined {
    return this.currencies.find((currency) => (this.remaining(currency) ?? 1n) <= 0n);
  }

  /**
   * Counts a spend here and above. It may overdraw: the money is gone.
   * @returns false, and nothing counted, for a negative amount (ARCP §9.6) or a currency without a ceiling.
   */
  spend(currency: string, units: bigint): boolean {
    if (units < 0n || this.remaining(currency) === undefined) return false;
    this.#add(currency, units, (counters) => counters.#spent);
    return true;
  }

  /** Sets `units` aside here and above. @returns false, and nothing held, when so much is not available. */
  hold(currency: string, units: bigint): boolean {
    const available = this.available(currency);
    if (available !== undefined && (units < 0n || available < units)) return false;
    this.#add(currency, units, (counters) => counters.#held);
    return true;
  }

  /** Gives back what `hold` set aside. */
  unhold(currency: string, units: bigint): void {
    this.#add(currency, -units, (counters) => counters.#held);
  }

  /** `{ USD: 4.2 }`: the counters as `job.accepted` and `job.subscribed` show them; `undefined` without any. */
  toWire(): Record<string, number | bigint> | undefined {
    if (this.currencies.length === 0) return undefined;
    return Object.fromEntries(
      this.currencies.map((currency) => [currency, moneyToWire(this.remaining(currency) ?? 0n, "down")]),
    );
  }

  #least(currency: string, read: (counters: BudgetCounters, limit: bigint) => bigint): bigint | undefined {
    const limit = this.#limits.get(currency);
    const above = this.#parent === undefined ? undefined : this.#parent.#least(currency, read);
    if (limit === undefined) return above;
    const own = read(this, limit);
    return above !== undefined && above < own ? above : own;
  }

  #add(currency: string, units: bigint, ledger: (counters: BudgetCounters) => Map<string, bigint>): void {
    const entries = ledger(this);
    entries.set(currency, (entries.get(currency) ?? 0n) + units);
    if (this.#parent !== undefined) this.#parent.#add(currency, units, ledger);
  }
}
