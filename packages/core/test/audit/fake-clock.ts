import type { Clock, Timer } from "../../src/index.ts";

/** A clock that only a test moves. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Map<Timer, { readonly atMs: number; readonly callback: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: Timer = { clear: () => this.#timers.delete(timer) };
    this.#timers.set(timer, { atMs: this.#nowMs + delayMs, callback });
    return timer;
  }

  /** Lets started work run, moves on, fires what is due. */
  async advance(byMs: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#nowMs += byMs;
    for (const [timer, { atMs, callback }] of this.#timers) {
      if (atMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      callback();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
