/** A running timer. */
export interface Timer {
  /** Its callback is not called any more. */
  clear(): void;
}

/** Time, injected everywhere so that tests own it. A timer keeps no process alive unless somebody awaits it. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For timestamps only. */
  now(): number;
  /** Milliseconds that only grow; for durations. */
  monotonic(): number;
  /**
   * Calls `callback` once after `delayMs` milliseconds.
   * @param awaited `true` when a caller awaits the callback: only then does the timer keep a process alive, which would
   * otherwise end in the middle of its caller's `await`.
   */
  setTimer(callback: () => void, delayMs: number, awaited?: boolean): Timer;
}

/** The longest delay a host timer takes (2^31 - 1 ms); a longer one would fire at once. */
const longestDelayMs = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs, awaited = false) {
    const handle: unknown = setTimeout(callback, Math.min(Math.max(0, delayMs), longestDelayMs));
    // Node, Deno and Bun hand out an object that can be unreferenced; browsers and Workers a number.
    const isObject = typeof handle === "object" && handle !== null && "unref" in handle;
    if (isObject && !awaited) (handle as { unref(): void }).unref();
    return { clear: () => clearTimeout(handle as ReturnType<typeof setTimeout>) };
  },
};
