import type { Clock, Timer } from "@imprest/core";

/** A clock that a test moves. */
export interface ManualClock extends Clock {
  /** Moves time on by `ms`, firing due timers in order and letting promises run between them. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock only, as an operator or NTP would: no timer fires, durations do not change. */
  jump(ms: number): void;
  /** How many timers are running: a test's check that none is left behind. */
  readonly timers: number;
}

/**
 * Creates a clock that stands still until it is advanced; `now` is its first wall time, epoch milliseconds.
 * @example
 * const clock = createManualClock();
 * const embedded = createEmbeddedAuthority({ clock });
 * await clock.advance(60_000); // a minute in no time
 */
export function createManualClock(now = 1_800_000_000_000): ManualClock {
  const timers = new Map<Timer, { readonly due: number; readonly callback: () => void }>();
  let elapsed = 0;
  let wall = now;

  const nextDue = (until: number): [Timer, { readonly due: number; readonly callback: () => void }] | undefined => {
    let next: [Timer, { readonly due: number; readonly callback: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].due <= until && (next === undefined || entry[1].due < next[1].due)) next = entry;
    }
    return next;
  };

  return {
    now: () => wall + elapsed,
    monotonic: () => elapsed,
    setTimer(callback, delayMs) {
      const timer: Timer = { clear: () => void timers.delete(timer) };
      timers.set(timer, { due: elapsed + Math.max(0, delayMs), callback });
      return timer;
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settlePromises();
      for (let next = nextDue(until); next; next = nextDue(until)) {
        const [timer, { due, callback }] = next;
        timers.delete(timer);
        elapsed = Math.max(elapsed, due);
        callback();
        await settlePromises();
      }
      elapsed = until;
      await settlePromises();
    },
    jump(ms) {
      wall += ms;
    },
    get timers() {
      return timers.size;
    },
  };
}

/** A macrotask turn: every chain of already resolved promises runs to its end first. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}
