import type { Clock, Timer } from "@imprest/core";

/**
 * How long a missing number may be on its way, in milliseconds. Frames that were swapped by concurrent writers come a
 * few milliseconds apart; one runtime documents that it swaps them.
 */
const holeGraceMs = 100;

/** Waits for what is missing behind a number before that counts as a hole. */
export class HoleGrace {
  readonly #clock: Clock;
  readonly #over: () => void;
  #timer: Timer | undefined;
  #behind: number | undefined;

  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  /** The frame behind number `last` is missing; for each such number the grace is given once. */
  begin(last: number): void {
    if (this.#behind === last) return;
    this.end();
    this.#behind = last;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#over();
    }, holeGraceMs);
  }

  /** Nothing is missing, or nobody waits for it. */
  end(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#behind = undefined;
  }
}
