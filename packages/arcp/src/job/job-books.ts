import type { JobAccepted, JobSubscribed, MetricBody, WireLease } from "@imprest/core/models/arcp";
import { BudgetGauge } from "../lease/budget-gauge.ts";
import { readCosts } from "../lease/costs-extension.ts";
import { formatMoney, parseMoney } from "../lease/money.ts";

/** What an acceptance or a subscription says of a job's money. */
type Counters = {
  readonly budget?: JobAccepted["budget"] | undefined;
  readonly current_status?: JobSubscribed["current_status"] | undefined;
};

/** What is known of a job's money: its budget, what it was seen to spend, what its runtime says that it spent. */
export class JobBooks {
  budget: BudgetGauge = new BudgetGauge(undefined);
  /** The sum of `cost.*` by currency, in 10^-12, whether the lease limits that currency or not; of every run. */
  readonly costs: Map<string, bigint> = new Map();
  /** True once the job was lost and ran anew: what is stated is of the last run alone. */
  ranAnew = false;
  #stated: ReadonlyMap<string, bigint> | undefined;

  /** The runtime's own sum of the job and those it delegated to, where it is one of the only run there was. */
  get stated(): ReadonlyMap<string, bigint> | undefined {
    return this.ranAnew ? undefined : this.#stated;
  }

  /**
   * An acceptance brings the counters of the start. A subscription brings those of now, from which a replay must not be
   * counted down again: the start is what the lease grants.
   */
  describe({ budget, current_status: status }: Counters, lease: WireLease): void {
    if (budget === undefined) return;
    if (status === undefined) {
      this.budget = new BudgetGauge(budget);
      return;
    }
    const now = new BudgetGauge(budget);
    if (this.budget.currencies.length === 0) this.budget = BudgetGauge.ofLease(lease) ?? now;
    for (const unit of now.currencies) {
      this.budget.observe({ name: "cost.budget.remaining", value: now.remaining(unit) ?? "0", unit });
    }
  }

  observe(metric: MetricBody): void {
    const { name, unit } = metric;
    if (!name.startsWith("cost.") || unit === undefined) return;
    if (name !== "cost.budget.remaining") {
      const spent = parseMoney(metric.value, "up") ?? 0n;
      // A negative cost is rejected, and gives nothing back (ARCP §9.6).
      if (spent > 0n) this.costs.set(unit, (this.costs.get(unit) ?? 0n) + spent);
    }
    this.budget.observe(metric);
  }

  /** The runtime counts every cost as it comes: its word with the end makes up for events that were missed. */
  close(extensions: Readonly<Record<string, unknown>> | undefined): void {
    const stated = readCosts(extensions);
    if (stated === undefined) return;
    this.#stated = stated;
    if (this.ranAnew) return;
    for (const unit of this.budget.currencies) {
      const limit = parseMoney(this.budget.initial(unit) ?? "0", "down") ?? 0n;
      const value = formatMoney(limit - (stated.get(unit) ?? 0n));
      this.budget.observe({ name: "cost.budget.remaining", value, unit });
    }
  }
}
