import { budgetLimits, moneyToWire, parseMoney } from "../lease/money.ts";
import { arcpFailure } from "./failure.ts";
import type { Metric } from "./handlers.ts";
import type { Job } from "./job.ts";
import type { RuntimeSettings } from "./options.ts";

const remainingName = "cost.budget.remaining";

/**
 * Sends a metric. A `cost.*` metric of a budgeted currency first counts against the job's ceilings and those above.
 * @throws ProtocolError INVALID_REQUEST for a value that is no number, and for a negative cost: neither is sent and
 * nothing is counted.
 */
export function reportMetric(job: Job, settings: RuntimeSettings, metric: Metric): Promise<void> {
  const units = parseMoney(metric.value, "up");
  if (units === undefined) throw arcpFailure("INVALID_REQUEST", `The metric ${metric.name} has no finite value.`);
  const isCost = metric.name.startsWith("cost.") && metric.name !== remainingName;
  if (isCost && units < 0n) {
    throw arcpFailure(
      "INVALID_REQUEST",
      `The metric ${metric.name} is negative; a cost is not given back (ARCP §9.6).`,
    );
  }
  const value = typeof metric.value !== "string" ? metric.value : moneyToWire(units, isCost ? "up" : "down");
  const { name, unit, dimensions } = metric;
  const body = {
    name,
    value,
    ...(unit === undefined ? {} : { unit }),
    ...(dimensions === undefined ? {} : { dimensions }),
  };
  if (isCost && unit !== undefined) job.addCost(unit, units);
  const counts = isCost && unit !== undefined && job.terms.budget.spend(unit, units);
  const { remainingAfterCost } = settings.dialect;
  if (counts && !remainingAfterCost) tellRemaining(job, unit);
  const sent = job.emit("metric", body);
  if (counts && remainingAfterCost) tellRemaining(job, unit);
  return sent;
}

/** What each job last reported of what is left. */
const told = new WeakMap<Job, Map<string, bigint>>();

/** Tells what is left where that is news: here, and in every job above whose money it was. */
function tellRemaining(job: Job, currency: string): void {
  const { budget, parent } = job.terms;
  const remaining = budget.remaining(currency);
  if (remaining !== undefined && isNews(job, currency, remaining)) {
    void job.emit("metric", { name: remainingName, value: moneyToWire(remaining, "down"), unit: currency });
  }
  if (parent !== undefined) tellRemaining(parent, currency);
}

/** Tells every counter again, for an upstream that has its own (ARCP §9.6). */
export function tellAllRemaining(job: Job): void {
  for (const currency of job.terms.budget.currencies) {
    told.get(job)?.delete(currency);
    tellRemaining(job, currency);
  }
}

/** The first time, after a twentieth of the ceiling, and when the last of it goes. */
function isNews(job: Job, currency: string, remaining: bigint): boolean {
  const readings = told.get(job) ?? new Map<string, bigint>();
  told.set(job, readings);
  const last = readings.get(currency);
  const limit = budgetLimits(job.terms.lease["cost.budget"] ?? []).get(currency) ?? 0n;
  const isNew = last === undefined || last - remaining >= limit / 20n || (last > 0n && remaining <= 0n);
  if (isNew && last !== remaining) readings.set(currency, remaining);
  return isNew && last !== remaining;
}
