import type { Clock } from "@imprest/core";

/** Something that can die: a process of a client, or an authority. What it waits for never comes. */
export class Life {
  /** Until when it stands still, as under SIGSTOP. */
  frozenUntil = 0;
  #isOver = false;
  readonly #heirs = new Set<() => void>();

  get isOver(): boolean {
    return this.#isOver;
  }

  freeze(until: number): void {
    this.frozenUntil = until;
  }

  end(): void {
    this.#isOver = true;
    for (const hear of this.#heirs) hear();
  }

  /** @returns what stops listening. */
  onEnd(hear: () => void): () => void {
    this.#heirs.add(hear);
    return () => void this.#heirs.delete(hear);
  }
}

interface Due {
  readonly at: number;
  readonly life: Life;
  readonly callback: () => void;
}

const startedAt = 1_800_000_000_000;

/**
 * Time and every wait of one run. Nothing in it is real: timers fire in the order of their times, and between two of
 * them every promise that can go on goes on, so that a run is the same whenever it is repeated.
 */
export class World {
  /** For what no crash ends. */
  readonly ever: Life = new Life();
  readonly #timers = new Set<Due>();
  #elapsed = 0;

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** The clock of a process. `wallBy` is how far its wall clock is off by now. */
  clockOf(life: Life, wallBy: () => number = () => 0): Clock {
    return {
      now: () => startedAt + Math.floor(this.#elapsed) + wallBy(),
      monotonic: () => this.#elapsed,
      setTimer: (callback, delayMs) => this.#set(life, callback, delayMs),
    };
  }

  /** Resolves after `ms`, and never once `life` is over. */
  pause(life: Life, ms: number): Promise<void> {
    return new Promise((resolve) => void this.#set(life, resolve, ms));
  }

  at(ms: number, life: Life, callback: () => void): void {
    this.#set(life, callback, ms - this.#elapsed);
  }

  /** Moves time on to `until`, or to where `isDone` says so. */
  async run(until: number, isDone: () => boolean = () => false): Promise<void> {
    await settlePromises();
    while (!isDone()) {
      const next = this.#next(until);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      if (next.life.isOver) continue;
      const { frozenUntil } = next.life;
      if (frozenUntil > this.#elapsed) {
        this.#timers.add({ ...next, at: frozenUntil });
        continue;
      }
      next.callback();
      await settlePromises();
    }
    if (!isDone()) this.#elapsed = Math.max(this.#elapsed, until);
  }

  #set(life: Life, callback: () => void, delayMs: number): { clear(): void } {
    const due = { at: this.#elapsed + Math.max(0, delayMs), life, callback };
    this.#timers.add(due);
    return { clear: () => void this.#timers.delete(due) };
  }

  /** The earliest, and of those of one time the one that was set first. */
  #next(until: number): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#timers) if (due.at <= until && (next === undefined || due.at < next.at)) next = due;
    return next;
  }
}

/** Digests run on threads of their own: a turn is over when none is under way. */
let digesting = 0;

/** Counts what Web Crypto has under way, from now on. */
export function watchWebCrypto(): void {
  const { subtle } = globalThis.crypto;
  // One after another: two at once would end in the order in which the machine's threads happen to run.
  let last: Promise<unknown> = Promise.resolve();
  for (const name of ["digest", "sign", "verify", "importKey", "exportKey"] as const) {
    const real = subtle[name].bind(subtle) as (...args: unknown[]) => Promise<unknown>;
    const counted = (...args: unknown[]): Promise<unknown> => {
      digesting += 1;
      const result = last.then(() => real(...args));
      last = result.catch(() => {});
      return result.finally(() => (digesting -= 1));
    };
    Object.defineProperty(subtle, name, { value: counted, configurable: true });
  }
}

async function settlePromises(): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve));
  if (digesting > 0) await settlePromises();
}
