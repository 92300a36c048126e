import type { Clock, Timer } from "@imprest/core";

export interface PollOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  readonly read: (signal: AbortSignal) => Promise<void>;
  /** Called after each poll with what it failed with; with `undefined` where it did not. */
  readonly polled: (failure: unknown) => void;
}

/** An authority that takes long to answer is asked the less often: a tenth of its time at most is the console's. */
const pausePerPoll = 9;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

/** Reads at once and then again and again, after failures less and less often. @returns what ends it. */
export function poll({ clock, everyMs, read, polled }: PollOptions): () => void {
  const stopped = new AbortController();
  let timer: Timer | undefined;
  let failures = 0;
  const run = async (): Promise<void> => {
    const startedMs = clock.monotonic();
    let failure: unknown;
    try {
      await read(stopped.signal);
      failures = 0;
    } catch (error) {
      failure = error ?? new Error("unknown");
      failures += 1;
    }
    if (stopped.signal.aborted) return;
    polled(failure);
    const tookMs = clock.monotonic() - startedMs;
    const pauseMs =
      failures > 0
        ? Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 10))
        : Math.max(everyMs, tookMs * pausePerPoll);
    timer = clock.setTimer(() => void run(), pauseMs);
  };
  void run();
  return () => {
    stopped.abort();
    timer?.clear();
  };
}
