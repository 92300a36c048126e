import type { Clock, Timer } from "@imprest/core";

/**
 * Calls `callback` at a monotonic time, however far away: a host's timer may be shorter than the wait, and fires at
 * that bound.
 */
export function setDeadline(clock: Clock, atMonotonicMs: number, callback: () => void): Timer {
  let timer: Timer;
  const arm = (): void => {
    timer = clock.setTimer(() => {
      if (clock.monotonic() >= atMonotonicMs) callback();
      else arm();
    }, atMonotonicMs - clock.monotonic());
  };
  arm();
  return { clear: () => timer.clear() };
}
