import type { Budget } from "./budget.ts";
import type { RollingWindow } from "./period-state.ts";
import { LedgerRefusal } from "./refusal.ts";

/** A budget of what was spent lately: `{ rollingMs: 86_400_000 }` is so much in any 24 hours. */
export interface RollingPeriod {
  /** A minute to 366 days, in milliseconds. */
  readonly rollingMs: number;
}

const shortestMs = 60_000;
const longestMs = 366 * 86_400_000;
/** So many slices keep a window exact to 1/60 of its length, and its memory bounded whatever is spent in it. */
const slicesInWindow = 60;

/** @throws LedgerRefusal INVALID_REQUEST. */
export function newWindow({ rollingMs }: RollingPeriod): RollingWindow {
  if (Number.isSafeInteger(rollingMs) && rollingMs >= shortestMs && rollingMs <= longestMs) {
    return { lengthMs: rollingMs, slices: [] };
  }
  const message = `period.rollingMs must be a whole number of milliseconds from ${shortestMs} to ${longestMs}.`;
  throw new LedgerRefusal("INVALID_REQUEST", message);
}

/** Puts what a budget spent since it was last looked at into the slice of `nowMs`. @returns whether there was any. */
export function noteSpend({ spent }: Budget, window: RollingWindow, nowMs: number): boolean {
  const { slices } = window;
  let added = spent - slices.reduce((sum, slice) => sum + slice.spent, 0n);
  if (added === 0n) return false;
  // An operator who lowers the spend takes the latest back first.
  for (let last = slices.at(-1); added < 0n && last !== undefined; last = slices.at(-1)) {
    added += last.spent;
    slices.pop();
  }
  if (added > 0n) addTo(window, added, nowMs);
  return true;
}

function addTo(window: RollingWindow, amount: bigint, nowMs: number): void {
  const lengthMs = sliceMs(window);
  const startsAtMs = Math.floor(nowMs / lengthMs) * lengthMs;
  const last = window.slices.at(-1);
  // A clock that was set back adds to what it called the latest slice: nothing leaves sooner than a window after it.
  if (last !== undefined && last.startsAtMs >= startsAtMs) last.spent += amount;
  else window.slices.push({ startsAtMs, spent: amount });
}

/** When the oldest slice, to its last millisecond, is a window ago; never for an empty one. */
export function leavesAtMs(window: RollingWindow): number {
  const oldest = window.slices[0];
  return oldest === undefined ? Infinity : oldest.startsAtMs + sliceMs(window) + window.lengthMs;
}

/** Takes out of the spend what was spent longer than a window ago. What is reserved, and debt, stay. */
export function slide(budget: Budget, window: RollingWindow, nowMs: number): void {
  while (leavesAtMs(window) <= nowMs) budget.spent -= window.slices.shift()?.spent ?? 0n;
  // There is room again; an overdraft is repaid by an operator only.
  budget.capped = false;
}

/** Dates slices that lie ahead, because the clock was set back, as of now. @returns whether there were any. */
export function redateSlices(window: RollingWindow, nowMs: number): boolean {
  let moved = 0n;
  for (let last = window.slices.at(-1); last !== undefined && last.startsAtMs > nowMs; last = window.slices.at(-1)) {
    moved += last.spent;
    window.slices.pop();
  }
  if (moved > 0n) addTo(window, moved, nowMs);
  return moved > 0n;
}

function sliceMs({ lengthMs }: RollingWindow): number {
  return Math.ceil(lengthMs / slicesInWindow);
}
