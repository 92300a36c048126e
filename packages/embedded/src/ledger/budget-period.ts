import { int64Max } from "@imprest/core/internal";
import type { Budget } from "./budget.ts";
import { type CalendarUnit, type Span, calendarSpan, calendarUnits, canonicalTimeZone } from "./calendar.ts";
import { type BudgetPeriod, type RolloverPolicy, rolloverPolicies } from "./period-state.ts";
import { LedgerRefusal } from "./refusal.ts";

/** Periods by the calendar of a time zone. The first one lasts from now to its end, with the whole allocation. */
export interface CalendarPeriods {
  readonly every: CalendarUnit;
  /** A name of the IANA database: `"Europe/Berlin"`. By default: UTC. */
  readonly timeZone?: string | undefined;
  /** By default: NONE. */
  readonly rollover?: RolloverPolicy | undefined;
}

/** Periods of one length, each where the one before it ended (Cycles governance §BudgetLedger, period_start, period_end). */
export interface EqualPeriods {
  /** Epoch milliseconds, not ahead of the clock. */
  readonly startsAtMs: number;
  /** Epoch milliseconds; a minute after the start at least. */
  readonly endsAtMs: number;
  /** By default: NONE. */
  readonly rollover?: RolloverPolicy | undefined;
}

const shortestMs = 60_000;
/** 1 January 10000: beyond what an ISO 8601 instant of four digits, and so the wire, can say. */
const latestMs = 253_402_300_800_000;
/** So many periods are counted one by one (eleven years of hours); a longer absence counts as this many. */
const mostCounted = 100_000;

/** @throws LedgerRefusal INVALID_REQUEST naming the member. */
export function newPeriod(asked: CalendarPeriods | EqualPeriods, allocation: bigint, nowMs: number): BudgetPeriod {
  const { rollover = "NONE" } = asked;
  if (!rolloverPolicies.includes(rollover)) {
    throw invalid(`period.rollover must be one of ${rolloverPolicies.join(", ")}.`);
  }
  const begun = { rollover, allocation, announced: 0, isExhaustionAnnounced: false };
  if ("every" in asked) {
    const { every } = asked;
    if (!calendarUnits.includes(every)) throw invalid(`period.every must be one of ${calendarUnits.join(", ")}.`);
    const timeZone = canonicalTimeZone(asked.timeZone ?? "UTC");
    return { ...begun, every, timeZone, ...calendarSpan(every, timeZone, nowMs) };
  }
  const { startsAtMs, endsAtMs } = asked;
  if (!isInstant(startsAtMs) || startsAtMs > nowMs) {
    throw invalid("period.startsAtMs must be when the current period began, not ahead of the clock.");
  }
  if (!isInstant(endsAtMs) || endsAtMs - startsAtMs < shortestMs) {
    throw invalid(`period.endsAtMs must be ${shortestMs} milliseconds after its start at least.`);
  }
  const period = { ...begun, timeZone: "UTC", startsAtMs, endsAtMs };
  Object.assign(period, spanAfter(period, nowMs).span);
  return period;
}

/**
 * Ends a budget's period and begins the one that `nowMs` lies in: `spent` begins anew, `reserved` and `debt` stay (Cycles
 * governance §fundBudget, RESET_SPENT). What was reserved before the end keeps its hold and is charged in the period in
 * which it is committed, so that every charge stands in exactly one period. A charge that was capped is forgiven.
 */
export function beginPeriod(budget: Budget, period: BudgetPeriod, nowMs: number): void {
  const { span, ended } = spanAfter(period, nowMs);
  const unused = budget.allocated > budget.spent ? budget.allocated - budget.spent : 0n;
  budget.allocated = period.allocation + carried(period, unused, budget.reserved + budget.debt, ended);
  if (budget.allocated > int64Max) budget.allocated = int64Max;
  budget.spent = 0n;
  budget.capped = false;
  Object.assign(period, span);
  period.announced = 0;
  period.isExhaustionAnnounced = false;
}

/** What a period begins with beside its allocation. Nothing was spent in those of `ended` that came after the first. */
function carried({ rollover, allocation }: BudgetPeriod, unused: bigint, takenOver: bigint, ended: number): bigint {
  if (rollover === "NONE") return 0n;
  const saved = unused + allocation * BigInt(ended - 1);
  return rollover === "CARRY_FORWARD" || saved < takenOver ? saved : takenOver;
}

/**
 * The period that `nowMs` lies in, and how many have ended by then: none, where the current one goes on. A clock that was
 * set back by less than a period does not begin it again.
 */
function spanAfter(period: BudgetPeriod, nowMs: number): { readonly span: Span; readonly ended: number } {
  const { every, timeZone, startsAtMs, endsAtMs } = period;
  if (every === undefined) {
    const lengthMs = endsAtMs - startsAtMs;
    const ended = Math.max(0, Math.floor((nowMs - startsAtMs) / lengthMs));
    const shift = ended * lengthMs;
    return { span: { startsAtMs: startsAtMs + shift, endsAtMs: endsAtMs + shift }, ended };
  }
  let span: Span = { startsAtMs, endsAtMs };
  let ended = 0;
  while (span.endsAtMs <= nowMs) {
    ended += 1;
    span = calendarSpan(every, timeZone, ended < mostCounted ? span.endsAtMs : nowMs);
  }
  return { span, ended };
}

/** Whether the clock, once ahead, was set back by more than the period is long. */
export function isAhead({ startsAtMs, endsAtMs }: BudgetPeriod, nowMs: number): boolean {
  return nowMs < startsAtMs - (endsAtMs - startsAtMs);
}

/** Dates a period that lies ahead anew, and grants nothing: its budget began it already. */
export function redate(period: BudgetPeriod, nowMs: number): void {
  const { every, timeZone, startsAtMs, endsAtMs } = period;
  if (every !== undefined) {
    Object.assign(period, calendarSpan(every, timeZone, nowMs));
    return;
  }
  const lengthMs = endsAtMs - startsAtMs;
  const shift = Math.ceil((startsAtMs - nowMs) / lengthMs) * lengthMs;
  Object.assign(period, { startsAtMs: startsAtMs - shift, endsAtMs: endsAtMs - shift });
}

function isInstant(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms < latestMs;
}

function invalid(message: string): LedgerRefusal {
  return new LedgerRefusal("INVALID_REQUEST", message);
}
