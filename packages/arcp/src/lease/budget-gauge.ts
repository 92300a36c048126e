import type { WireLease } from "@imprest/core/models/arcp";
import { budgetLimits, formatMoney, parseMoney } from "./money.ts";

/** A `metric` event's body, as far as budgets go. */
export interface CostMetric {
  readonly name: string;
  readonly value: number | bigint | string;
  readonly unit?: string | null | undefined;
}

interface Reading {
  readonly initial: bigint;
  spent: bigint;
  /** The least that `cost.budget.remaining` reported. */
  reported: bigint | undefined;
}

/**
 * What an observer knows of a job's budget: the accepted counters, less the `cost.*` metrics seen, and never more than
 * the least `cost.budget.remaining` seen. The two are compared, not chained: runtimes differ in which of them comes
 * first, and a spend must not be counted twice. Advisory; the runtime's counter is the authority (ARCP §9.6).
 */
export class BudgetGauge {
  readonly #readings = new Map<string, Reading>();
  readonly #watchers = new Set<{ readonly currency: string; readonly below: bigint; readonly callback: () => void }>();

  /** @param budget `job.accepted.budget`: numbers, decimal strings or `"USD:5.00"`; unreadable members are skipped. */
  constructor(budget: Readonly<Record<string, unknown>> | null | undefined) {
    for (const [currency, value] of Object.entries(budget ?? {})) {
      const text = typeof value === "string" ? value.replace(/^[^:]*:/, "") : value;
      const readable = typeof text === "string" || typeof text === "number" || typeof text === "bigint";
      const initial = readable ? parseMoney(text, "down") : undefined;
      if (initial !== undefined) this.#readings.set(currency, { initial, spent: 0n, reported: undefined });
    }
  }

  /** The gauge of a lease of which nothing is spent; `undefined` for one without a budget. */
  static ofLease(lease: WireLease): BudgetGauge | undefined {
    const limits = budgetLimits(lease["cost.budget"] ?? []);
    if (limits.size === 0) return undefined;
    return new BudgetGauge(Object.fromEntries([...limits].map(([currency, units]) => [currency, formatMoney(units)])));
  }

  get currencies(): readonly string[] {
    return [...this.#readings.keys()];
  }

  /** The ceiling as a plain decimal; `undefined` for a currency without one. */
  initial(currency: string): string | undefined {
    const reading = this.#readings.get(currency);
    return reading && formatMoney(reading.initial);
  }

  /** What is left as a plain decimal, perhaps negative; `undefined` for a currency without a ceiling. */
  remaining(currency: string): string | undefined {
    const units = this.remainingUnits(currency);
    return units === undefined ? undefined : formatMoney(units);
  }

  /** The same in 10^-12 of the currency. */
  remainingUnits(currency: string): bigint | undefined {
    const reading = this.#readings.get(currency);
    if (reading === undefined) return undefined;
    const counted = reading.initial - reading.spent;
    return reading.reported !== undefined && reading.reported < counted ? reading.reported : counted;
  }

  /** Takes in a metric. @returns the currency whose reading it changed. */
  observe({ name, value, unit }: CostMetric): string | undefined {
    const reading = typeof unit === "string" ? this.#readings.get(unit) : undefined;
    if (reading === undefined || typeof unit !== "string" || !name.startsWith("cost.")) return undefined;
    const before = this.remainingUnits(unit);
    if (name === "cost.budget.remaining") {
      const reported = parseMoney(value, "down");
      if (reported !== undefined && (reading.reported === undefined || reported < reading.reported)) {
        reading.reported = reported;
      }
    } else {
      const spent = parseMoney(value, "up");
      if (spent !== undefined && spent > 0n) reading.spent += spent;
    }
    if (this.remainingUnits(unit) === before) return undefined;
    this.#fire(unit);
    return unit;
  }

  /**
   * Calls `callback` once when less than or exactly `share` (0 to 1) of the ceiling is left, at once if it already is.
   * @returns the function that takes it back.
   */
  onBelow(currency: string, share: number, callback: (remaining: string) => void): () => void {
    const reading = this.#readings.get(currency);
    if (reading === undefined) return () => {};
    const below = (reading.initial * BigInt(Math.round(share * 1_000_000))) / 1_000_000n;
    const watcher = { currency, below, callback: () => callback(this.remaining(currency) ?? "0") };
    this.#watchers.add(watcher);
    this.#fire(currency);
    return () => this.#watchers.delete(watcher);
  }

  #fire(currency: string): void {
    const remaining = this.remainingUnits(currency) ?? 0n;
    for (const watcher of this.#watchers) {
      if (watcher.currency !== currency || remaining > watcher.below) continue;
      this.#watchers.delete(watcher);
      watcher.callback();
    }
  }
}
