import { type Budget, booksOf, isOverLimit, remainingOf } from "./budget.ts";
import type { Fact } from "./facts.ts";
import type { BudgetPeriod } from "./period-state.ts";

/** Shares of the allocation, in whole percent (Cycles governance §WebhookThresholdConfig, the default). */
const thresholds = [80n, 95n, 100n] as const;

/** Where a budget stood when it was last looked at. */
interface Standing {
  /** How many of `thresholds` its utilization has reached. */
  readonly reached: number;
  readonly isExhausted: boolean;
  readonly isOverLimit: boolean;
}

/**
 * Emits when a budget crosses a threshold of its utilization, in either direction and once a crossing, when nothing
 * remains of it, and when it enters or leaves over-limit (Cycles governance §EventType). What a restart finds is where
 * the watching begins: it is not emitted again. A budget with periods reaches a threshold, and its exhaustion, once a
 * period, whatever is released meanwhile; that it falls is what the beginning of the next one says.
 */
export class BudgetWatch {
  readonly #standings = new WeakMap<Budget, Standing>();
  readonly #emit: (fact: Fact) => void;

  constructor(emit: (fact: Fact) => void) {
    this.#emit = emit;
  }

  /** Looks at a budget after each change. */
  look(budget: Budget): void {
    const before = this.#standings.get(budget);
    const now = standingOf(budget);
    this.#standings.set(budget, now);
    if (before === undefined) return;
    const { tenant, scopePath: scope, unit, debt, overdraftLimit } = budget;
    const about = { tenant, scope, unit };
    const told = budget.period === undefined ? before : announcedIn(budget.period);
    if (now.reached > told.reached || (budget.period === undefined && now.reached < told.reached)) {
      const isRising = now.reached > told.reached;
      // Of several crossed at once, the last one counts: the one that it now stands beyond, or fell below.
      const threshold = Number(thresholds[isRising ? now.reached - 1 : now.reached]) / 100;
      const direction = isRising ? "rising" : "falling";
      this.#emit({ kind: "thresholdCrossed", ...about, threshold, direction, books: booksOf(budget) });
    }
    if (now.isExhausted && !told.isExhausted) {
      this.#emit({ kind: "exhausted", ...about, threshold: 1, direction: "rising", books: booksOf(budget) });
    }
    if (budget.period !== undefined) announce(budget.period, now);
    if (now.isOverLimit !== before.isOverLimit) {
      this.#emit({ kind: "overLimitChanged", ...about, debt, overdraftLimit, isOverLimit: now.isOverLimit });
    }
  }
}

function announcedIn({ announced, isExhaustionAnnounced }: BudgetPeriod): Pick<Standing, "reached" | "isExhausted"> {
  return { reached: announced, isExhausted: isExhaustionAnnounced };
}

function announce(period: BudgetPeriod, { reached, isExhausted }: Standing): void {
  period.announced = Math.max(period.announced, reached);
  period.isExhaustionAnnounced ||= isExhausted;
}

function standingOf(budget: Budget): Standing {
  const { allocated, spent, reserved } = budget;
  const used = (spent + reserved) * 100n;
  const reached = allocated === 0n ? 0 : thresholds.filter((percent) => used >= percent * allocated).length;
  return { reached, isExhausted: remainingOf(budget) <= 0n, isOverLimit: isOverLimit(budget) };
}
