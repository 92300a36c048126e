import type { Clock } from "@imprest/core";
import { ledgerTime } from "../ledger/time.ts";

/**
 * The time that events are dated by, epoch milliseconds. It is never before an event that is signed already, so that the
 * feed of a process that starts anew on a clock that was set back goes on where it was.
 */
export class FeedTime {
  readonly #time: () => number;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#time = ledgerTime(clock);
  }

  now(): number {
    return this.#time() + this.#aheadMs;
  }

  /** An event of that time was signed by an earlier process. */
  reach(atMs: number): void {
    this.#aheadMs += Math.max(0, atMs - this.now());
  }
}
