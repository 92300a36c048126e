import type { Clock } from "@imprest/core";
import { type Books, type Budget, booksOf } from "./budget.ts";
import { beginPeriod, isAhead, redate } from "./budget-period.ts";
import { type Expiring, ExpiryQueue } from "./expiry-queue.ts";
import { leavesAtMs, noteSpend, redateSlices, slide } from "./rolling-window.ts";

/** A budget whose books change with time. */
interface Entry extends Expiring {
  readonly budget: Budget;
}

/** Receives a budget that time changed, and what it was `before` where a new period began. */
export type PeriodListener = (budget: Budget, before?: Books) => void;

/**
 * The budgets that begin anew, by when they do. They go by the wall clock, because a calendar does: one that was set
 * forward begins a period early, once; one that was set back begins none again.
 */
export class Periods {
  readonly #clock: Clock;
  readonly #changed: PeriodListener;
  readonly #entries = new Map<Budget, Entry>();
  readonly #queue = new ExpiryQueue<Entry>();
  /** What the clock showed last; whether it was set back while the ledger was closed is asked at the first look. */
  #shownMs = Infinity;

  constructor(clock: Clock, changed: PeriodListener) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** How long until a budget changes next; `Infinity` while there is none that will. */
  get dueInMs(): number {
    const first = this.#queue.first();
    return first === undefined ? Infinity : first.dueAtMs - this.#clock.now();
  }

  /** Looks after a budget from now on, if time changes it. */
  add(budget: Budget): void {
    if (budget.period === undefined && budget.window === undefined) return;
    const entry: Entry = { budget, dueAtMs: Infinity, queuePosition: -1 };
    this.#entries.set(budget, entry);
    this.#queue.add(entry);
    this.#reschedule(entry);
  }

  /** Notes what a budget has spent, after each change of it. */
  note(budget: Budget): void {
    if (budget.window === undefined || !noteSpend(budget, budget.window, this.#clock.now())) return;
    const entry = this.#entries.get(budget);
    if (entry !== undefined) this.#reschedule(entry);
  }

  /** Begins every period, and lets go of every slice of a window, that is due. */
  advance(): void {
    if (this.#entries.size === 0) return;
    const nowMs = this.#clock.now();
    if (nowMs < this.#shownMs) this.#clockSetBack(nowMs);
    this.#shownMs = nowMs;
    for (;;) {
      const entry = this.#queue.first();
      if (entry === undefined || entry.dueAtMs > nowMs) return;
      const { budget } = entry;
      const { period, window } = budget;
      if (budget.status === "CLOSED") {
        this.#reschedule(entry);
        continue;
      }
      const before = booksOf(budget);
      if (period !== undefined) beginPeriod(budget, period, nowMs);
      if (window !== undefined) slide(budget, window, nowMs);
      this.#reschedule(entry);
      this.#changed(budget, period && before);
    }
  }

  #clockSetBack(nowMs: number): void {
    for (const entry of this.#entries.values()) {
      const { period, window } = entry.budget;
      const isDatedAnew = period !== undefined && isAhead(period, nowMs);
      if (isDatedAnew) redate(period, nowMs);
      const isMoved = window !== undefined && redateSlices(window, nowMs);
      if (!isDatedAnew && !isMoved) continue;
      this.#reschedule(entry);
      this.#changed(entry.budget);
    }
  }

  #reschedule(entry: Entry): void {
    const { period, window, status } = entry.budget;
    const dueAtMs = period?.endsAtMs ?? (window === undefined ? Infinity : leavesAtMs(window));
    // The books of a closed budget are closed.
    entry.dueAtMs = status === "CLOSED" ? Infinity : dueAtMs;
    this.#queue.update(entry);
  }
}
