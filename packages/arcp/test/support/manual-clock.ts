import type { Clock, Timer } from "@imprest/core";

/** A clock that jumps from timer to timer as `drive` lets it. */
export class ManualClock implements Clock {
  wallMs: number;
  elapsedMs = 0;
  readonly #timers = new Map<Timer, { readonly atMs: number; readonly callback: () => void }>();

  constructor(wall = "2026-11-20T10:30:00Z") {
    this.wallMs = Date.parse(wall);
  }

  now(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: Timer = { clear: () => this.#timers.delete(timer) };
    this.#timers.set(timer, { atMs: this.elapsedMs + Math.max(0, delayMs), callback });
    return timer;
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves to the next timer and fires it. @returns false when there is none. */
  fireNext(): boolean {
    let next: Timer | undefined;
    let nextMs = Infinity;
    for (const [timer, { atMs }] of this.#timers) {
      if (atMs >= nextMs) continue;
      next = timer;
      nextMs = atMs;
    }
    const entry = next && this.#timers.get(next);
    if (next === undefined || entry === undefined) return false;
    this.#timers.delete(next);
    this.wallMs += Math.max(0, nextMs - this.elapsedMs);
    this.elapsedMs = Math.max(this.elapsedMs, nextMs);
    entry.callback();
    return true;
  }

  /** Fires everything that is due within `byMs`. */
  async advance(byMs: number): Promise<void> {
    const until = this.setTimer(() => {}, byMs);
    const end = this.elapsedMs + byMs;
    await turn();
    while (this.elapsedMs < end && this.fireNext()) await turn();
    until.clear();
    await turn();
  }
}

/** Lets everything go on that needs no time. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Waits for `work` while the clock jumps ahead whenever nothing else can happen.
 * @throws when `work` is not settled after `limitMs` of the clock's time, or when nothing is left to wait for: it hangs.
 */
export async function drive<Value>(clock: ManualClock, work: Promise<Value>, limitMs = 3_600_000): Promise<Value> {
  let settled = false;
  const watched = work.finally(() => {
    settled = true;
  });
  watched.catch(() => {});
  const end = clock.elapsedMs + limitMs;
  for (let idle = 0; idle < 10 && clock.elapsedMs <= end; idle++) {
    await turn();
    if (settled) return watched;
    if (clock.fireNext()) idle = 0;
  }
  throw new Error(`hangs: nothing settled in ${limitMs} ms`);
}
