import { parseJson, stringifyJson } from "@imprest/core";
import type { Journal } from "./journal.ts";

/** One counter (Cycles action kinds §WINDOW MODEL): its key names tenant, scope, kind or risk class, window and bucket. */
interface Counter {
  readonly key: string;
  used: number;
  /** When it may be forgotten; not when its window ends, which the key says. */
  expiresAtMs: number;
}

const sweepEveryMs = 60_000;

/** The counters of action quotas, as durable as the budgets. */
export class QuotaCounters {
  readonly #counters = new Map<string, Counter>();
  readonly #journal: Journal | undefined;
  #sweptAtMs = -Infinity;

  constructor(journal: Journal | undefined) {
    this.#journal = journal;
  }

  /** Calls counted under a key; none once it has lapsed. */
  used(key: string, nowMs: number): number {
    const counter = this.#counters.get(key);
    return counter === undefined || counter.expiresAtMs <= nowMs ? 0 : counter.used;
  }

  /** Counts one call. */
  add(key: string, nowMs: number, expiresAtMs: number): void {
    this.#sweep(nowMs);
    const counter = this.#counters.get(key) ?? { key, used: 0, expiresAtMs };
    counter.used = this.used(key, nowMs) + 1;
    counter.expiresAtMs = expiresAtMs;
    this.#counters.set(key, counter);
    this.#changed(counter);
  }

  /** Takes one call back; a counter that has lapsed is left alone. */
  takeBack(key: string): void {
    const counter = this.#counters.get(key);
    if (counter === undefined || counter.used === 0) return;
    counter.used -= 1;
    this.#changed(counter);
  }

  /** Puts back what `add` wrote. */
  restore(text: string): void {
    const { key, used, expiresAtMs } = parseJson(text) as unknown as Counter;
    this.#counters.set(key, { key, used, expiresAtMs });
  }

  #changed(counter: Counter): void {
    this.#journal?.changed(entryKeyOf(counter.key), () => stringifyJson(counter));
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < sweepEveryMs) return;
    this.#sweptAtMs = nowMs;
    for (const { key, expiresAtMs } of this.#counters.values()) {
      if (expiresAtMs > nowMs) continue;
      this.#counters.delete(key);
      this.#journal?.removed(entryKeyOf(key));
    }
  }
}

/** Written as JSON, because a run's id may hold what a store cannot. */
function entryKeyOf(key: string): string {
  return `quota/${JSON.stringify(key)}`;
}
