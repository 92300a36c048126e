import { type Amount, type Settlement, Unit } from "@imprest/core";
import type { ArcpJob } from "./job.ts";
import type { JobOutcome } from "./job-outcome.ts";
import { moneyScale, parseMoney } from "../lease/money.ts";

/**
 * What a job came to: on the client's side of ARCP, a job is the reservation and its `cost.*` metrics the spend. It is
 * `committed` however the job ended, since the runtime counts each metric as it comes (ARCP §9.6). `charged` and `refunded`
 * are there when a single currency is concerned, a unit of core holds the figure exactly, and `spent` is exact.
 */
export interface JobSettlement extends Settlement {
  /** The same as `reservationId`. */
  readonly jobId: string;
  readonly outcome: JobOutcome;
  /** What the job, and those it delegated to, reported as spent, as plain decimals by currency. */
  readonly spent: Readonly<Record<string, string>>;
  /** False when `spent` is a lower bound: events are missing, and the runtime did not say what the job spent. */
  readonly spentIsExact: boolean;
  /** True when events were lost on the way, or may have been. */
  readonly eventsMissing: boolean;
  /** What is left of each leased budget, as plain decimals; perhaps negative. */
  readonly remaining: Readonly<Record<string, string>>;
}

/** What a job that has ended came to. */
export function settlementOf(job: ArcpJob, outcome: JobOutcome): JobSettlement {
  const { id: jobId, costs: spent, costsAreExact: spentIsExact, eventsMissing, traceId, idempotencyKey = "" } = job;
  const remaining = Object.fromEntries(
    job.budget.currencies.map((currency) => [currency, job.budget.remaining(currency) ?? "0"]),
  );
  const settlement: Settlement = {
    status: "committed",
    reservationId: jobId,
    idempotencyKey,
    traceId,
    basis: "actual",
  };
  const [currency, ...others] = new Set([...Object.keys(spent), ...Object.keys(remaining)]);
  const isOne = currency !== undefined && others.length === 0 && spentIsExact;
  const charged = isOne ? amountOf(currency, spent[currency] ?? "0") : undefined;
  const refunded = isOne ? amountOf(currency, remaining[currency] ?? "0") : undefined;
  return {
    ...settlement,
    ...(charged && { charged }),
    ...(refunded && refunded.amount >= 0n && { refunded }),
    jobId,
    outcome,
    spent,
    spentIsExact,
    eventsMissing,
    remaining,
  };
}

/** Core's unit for a currency of a lease, as `LeaseAuthority` has it the other way round. */
const units: Readonly<Record<string, { readonly unit: string; readonly scale: number }>> = {
  USD: { unit: Unit.usdMicrocents, scale: 8 },
  credits: { unit: Unit.credits, scale: 0 },
  tokens: { unit: Unit.tokens, scale: 0 },
};

function amountOf(currency: string, decimal: string): Amount | undefined {
  const { unit, scale } = units[currency] ?? { unit: currency, scale: 0 };
  const money = parseMoney(decimal, "up");
  const divisor = 10n ** BigInt(moneyScale - scale);
  return money === undefined || money % divisor !== 0n ? undefined : { unit, amount: money / divisor };
}
