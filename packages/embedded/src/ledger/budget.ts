import type { CalendarUnit } from "./calendar.ts";
import type { OveragePolicy } from "./overage-policy.ts";
import type { BudgetPeriod, RollingWindow } from "./period-state.ts";

/** FROZEN takes no reservation, event or funding until it is unfrozen; CLOSED never again. */
export type BudgetStatus = "ACTIVE" | "FROZEN" | "CLOSED";

/** The ledger's account of one scope in one unit. Only the ledger writes it. */
export interface Budget {
  readonly tenant: string;
  readonly scopePath: string;
  readonly unit: string;
  allocated: bigint;
  spent: bigint;
  reserved: bigint;
  /** Consumption beyond what was available, taken under ALLOW_WITH_OVERDRAFT. */
  debt: bigint;
  overdraftLimit: bigint;
  status: BudgetStatus;
  /** A charge was capped here (ALLOW_IF_AVAILABLE); cleared by funding. */
  capped: boolean;
  readonly createdAtMs: number;
  /** What becomes of a charge beyond what is held, where a request does not say. */
  readonly overagePolicy: OveragePolicy | undefined;
  /** The books are those of this period; absent for a budget that never begins anew. */
  readonly period: BudgetPeriod | undefined;
  /** `spent` is what was spent within this window; absent for any other budget. */
  readonly window: RollingWindow | undefined;
}

/** A budget as it stood at one moment. `remaining` = allocated - spent - reserved - debt, and may be negative. */
export interface BudgetBalance {
  readonly tenant: string;
  readonly scopePath: string;
  readonly unit: string;
  readonly allocated: bigint;
  readonly spent: bigint;
  readonly reserved: bigint;
  readonly debt: bigint;
  readonly remaining: bigint;
  readonly overdraftLimit: bigint;
  readonly status: BudgetStatus;
  /** New reservations are blocked until the budget is funded or its debt repaid (Cycles §OVERDRAFT RECONCILIATION). */
  readonly isOverLimit: boolean;
  /** The period that the balance is of; absent for a budget without periods. */
  readonly period?: PeriodBalance | undefined;
}

/** One period of a budget. Instants are epoch milliseconds. */
export interface PeriodBalance {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** What each period begins with, beside what the rollover policy carries into it. */
  readonly allocation: bigint;
  /** Absent for periods of one length. */
  readonly every?: CalendarUnit | undefined;
  /** Whose calendar, where `every` is. */
  readonly timeZone?: string | undefined;
}

/** What new reservations can still take (Cycles §Balance, LEDGER INVARIANT). */
export function remainingOf(budget: Budget): bigint {
  return budget.allocated - budget.spent - budget.reserved - budget.debt;
}

/** Cycles §Balance, is_over_limit. */
export function isOverLimit(budget: Budget): boolean {
  return budget.capped || budget.debt > budget.overdraftLimit;
}

/** The books of a budget at one moment. */
export interface Books {
  readonly allocated: bigint;
  readonly remaining: bigint;
  readonly debt: bigint;
  readonly spent: bigint;
  readonly reserved: bigint;
  readonly status: BudgetStatus;
}

export function booksOf(budget: Budget): Books {
  const { allocated, spent, reserved, debt, status } = budget;
  return { allocated, remaining: remainingOf(budget), debt, spent, reserved, status };
}

export function balanceOf(budget: Budget): BudgetBalance {
  const { tenant, scopePath, unit, allocated, spent, reserved, debt, overdraftLimit, status, period } = budget;
  return {
    tenant,
    scopePath,
    unit,
    allocated,
    spent,
    reserved,
    debt,
    remaining: remainingOf(budget),
    overdraftLimit,
    status,
    isOverLimit: isOverLimit(budget),
    ...(period !== undefined && { period: periodOf(period) }),
  };
}

function periodOf({ startsAtMs, endsAtMs, allocation, every, timeZone }: BudgetPeriod): PeriodBalance {
  return { startsAtMs, endsAtMs, allocation, ...(every !== undefined && { every, timeZone }) };
}
