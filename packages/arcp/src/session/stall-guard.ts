import type { Clock, Timer } from "@imprest/core";

/** Something with consumers that may stand still. */
export interface Readable {
  /** Begins a period of watching. */
  mark(): void;
  /** Cuts off the consumers that hold something up and took nothing since `mark`. */
  failStalled(): void;
}

/** While reading is stopped for slow consumers, cuts off those that do not move: one of them must not stop all. */
export class StallGuard {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #readable: () => Iterable<Readable>;
  #timer: Timer | undefined;
  #on = false;

  constructor(clock: Clock, timeoutMs: number, readable: () => Iterable<Readable>) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#readable = readable;
  }

  watch(on: boolean): void {
    this.#on = on;
    this.#timer?.clear();
    if (on) this.#begin();
  }

  #begin(): void {
    for (const item of this.#readable()) item.mark();
    this.#timer = this.#clock.setTimer(() => {
      for (const item of this.#readable()) item.failStalled();
      // Those that move, but slowly, are given another period.
      if (this.#on) this.#begin();
    }, this.#timeoutMs);
  }
}
