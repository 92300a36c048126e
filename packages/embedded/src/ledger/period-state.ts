import type { CalendarUnit } from "./calendar.ts";

/**
 * What becomes of unused budget when a period ends (Cycles governance §BudgetLedger, rollover_policy). NONE: it is lost.
 * CARRY_FORWARD: it adds to the next period. CAP_AT_ALLOCATED: it adds as far as reservations and debt that the next
 * period takes over use it up, so that what remains is the allocation at most.
 */
export type RolloverPolicy = "NONE" | "CARRY_FORWARD" | "CAP_AT_ALLOCATED";

export const rolloverPolicies: readonly RolloverPolicy[] = ["NONE", "CARRY_FORWARD", "CAP_AT_ALLOCATED"];

/** Where a budget stands among its periods. Only the ledger writes it. */
export interface BudgetPeriod {
  /** Absent for periods of one length. */
  readonly every?: CalendarUnit | undefined;
  readonly timeZone: string;
  readonly rollover: RolloverPolicy;
  /** What each period begins with. */
  allocation: bigint;
  startsAtMs: number;
  endsAtMs: number;
  /** How many thresholds were announced in this period, and whether its exhaustion was. */
  announced: number;
  isExhaustionAnnounced: boolean;
}

/** What was spent within one slice of a window. */
interface Slice {
  readonly startsAtMs: number;
  spent: bigint;
}

/** The spend of a rolling window, by slices. Only the ledger writes it. */
export interface RollingWindow {
  readonly lengthMs: number;
  /** Oldest first. */
  readonly slices: Slice[];
}
