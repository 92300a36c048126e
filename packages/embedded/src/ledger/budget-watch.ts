import type { EventDataByType } from "@imprest/core/models/cycles";
import { type Budget, isOverLimit, remainingOf } from "./budget.ts";
import type { EventTelling } from "./ledger-events.ts";

/** Shares of the allocation, in whole percent (Cycles governance §WebhookThresholdConfig, the default). */
const thresholds = [80n, 95n, 100n] as const;

/** Where a budget stood when it was last looked at. */
interface Standing {
  /** How many of `thresholds` its utilization has reached. */
  readonly reached: number;
  readonly isExhausted: boolean;
  readonly isOverLimit: boolean;
}

type Watched =
  | "budget.threshold_crossed"
  | "budget.exhausted"
  | "budget.over_limit_entered"
  | "budget.over_limit_exited";

/**
 * Tells when a budget crosses a threshold of its utilization, in either direction and once a crossing, when nothing
 * remains of it, and when it enters or leaves over-limit (Cycles governance §EventType). What a restart finds is where
 * the watching begins: it is not told again.
 */
export class BudgetWatch {
  readonly #standings = new WeakMap<Budget, Standing>();
  readonly #tell: <Type extends Watched>(telling: EventTelling<Type>) => void;

  constructor(tell: <Type extends Watched>(telling: EventTelling<Type>) => void) {
    this.#tell = tell;
  }

  /** Looks at a budget after each change. */
  look(budget: Budget): void {
    const before = this.#standings.get(budget);
    const now = standingOf(budget);
    this.#standings.set(budget, now);
    if (before === undefined) return;
    if (now.reached !== before.reached) {
      const isRising = now.reached > before.reached;
      // Of several crossed at once, the last one is told: the one that it now stands beyond, or fell below.
      const threshold = Number(thresholds[isRising ? now.reached - 1 : now.reached]) / 100;
      this.#say("budget.threshold_crossed", budget, { threshold, direction: isRising ? "rising" : "falling" });
    }
    if (now.isExhausted && !before.isExhausted) {
      this.#say("budget.exhausted", budget, { threshold: 1, direction: "rising" });
    }
    if (now.isOverLimit !== before.isOverLimit) this.#sayOverLimit(budget, now.isOverLimit);
  }

  #say(
    type: "budget.threshold_crossed" | "budget.exhausted",
    budget: Budget,
    crossed: EventDataByType["budget.threshold_crossed"],
  ): void {
    const { tenant, scopePath: scope, unit, allocated, spent, reserved } = budget;
    const remaining = remainingOf(budget);
    const utilization = ratio(spent + reserved, allocated);
    const data = { scope, unit, ...crossed, utilization, allocated, remaining, spent, reserved };
    this.#tell({ type, tenant, scope, data });
  }

  #sayOverLimit({ tenant, scopePath: scope, unit, debt, overdraftLimit }: Budget, isOver: boolean): void {
    const type = isOver ? "budget.over_limit_entered" : "budget.over_limit_exited";
    const debt_utilization = ratio(debt, overdraftLimit);
    const data = { scope, unit, debt, overdraft_limit: overdraftLimit, is_over_limit: isOver, debt_utilization };
    this.#tell({ type, tenant, scope, data });
  }
}

function standingOf(budget: Budget): Standing {
  const { allocated, spent, reserved } = budget;
  const used = (spent + reserved) * 100n;
  const reached = allocated === 0n ? 0 : thresholds.filter((percent) => used >= percent * allocated).length;
  return { reached, isExhausted: remainingOf(budget) <= 0n, isOverLimit: isOverLimit(budget) };
}

/** For people to read; four digits of it. */
function ratio(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 10_000n) / whole) / 10_000;
}
