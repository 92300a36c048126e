import type { Clock, Timer } from "@imprest/core";

/** A clock that a test moves. */
export interface ManualClock extends Clock {
  /** Moves time on by `ms`, firing due timers in order and letting promises run between them. */
  advance(ms: number): Promise<void>;
  /**
   * Waits for `work`, moving time from timer to timer whenever nothing else can happen.
   * @param limitMs the most of the clock's time that it may take; an hour by default.
   * @returns what `work` resolves to; rejects as `work` does.
   * @throws Error when `work` is not settled by then, or when no timer is left and nothing happens: it hangs.
   * @example
   * const job = session.submit({ agent: "writer" });
   * const answer = await clock.drive(job); // reconnections and time limits included, in no time
   */
  drive<Value>(work: Promise<Value>, limitMs?: number): Promise<Value>;
  /** Moves the wall clock only, as an operator or NTP would: no timer fires, durations do not change. */
  jump(ms: number): void;
  /** Moves time on without firing timers, as when the event loop is blocked or the machine sleeps. */
  stall(ms: number): void;
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

  /** Moves to the first timer that is due at `until` and fires it. @returns whether there was one. */
  const fireNext = (until: number): boolean => {
    let next: [Timer, { readonly due: number; readonly callback: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].due <= until && (next === undefined || entry[1].due < next[1].due)) next = entry;
    }
    if (next === undefined) return false;
    const [timer, { due, callback }] = next;
    timers.delete(timer);
    elapsed = Math.max(elapsed, due);
    callback();
    return true;
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
      await turn();
      while (fireNext(until)) await turn();
      elapsed = Math.max(elapsed, until);
      await turn();
    },
    async drive(work, limitMs = 3_600_000) {
      let isSettled = false;
      const settle = (): void => void (isSettled = true);
      work.then(settle, settle);
      const until = elapsed + limitMs;
      for (let turns = 0, idle = 0; idle < idleMoments; turns += 1, idle = fireNext(until) ? 0 : idle + 1) {
        await (turns < quickTurns ? turn() : moment());
        if (isSettled) return work;
      }
      throw new Error(`The work hangs: it was not settled within ${limitMs} ms of the clock.`);
    },
    jump(ms) {
      wall += ms;
    },
    stall(ms) {
      elapsed += ms;
    },
    get timers() {
      return timers.size;
    },
  };
}

/** What needs no real time is done within a few turns. */
const quickTurns = 10;

/** So many moments without a timer, a quarter of a second at least, mean that nothing more happens. */
const idleMoments = 250;

/** Taken before a test replaces the timers of the platform; Node's turns without a timer are the quicker ones. */
const { setTimeout: later, setImmediate: next } = globalThis as {
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
  readonly setImmediate?: (callback: () => void) => unknown;
};

/** A moment of real time: what works beside the event loop, as a digest of WebCrypto does, takes one, and longer under load. */
function moment(): Promise<void> {
  return new Promise((resolve) => void later(resolve, 1));
}

/** A macrotask turn: every chain of already resolved promises runs to its end first. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void (next === undefined ? later(resolve, 0) : next(resolve)));
}
