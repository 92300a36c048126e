import { parseJson, stringifyJson } from "@imprest/core/internal";
import type { RiskClass } from "./action-kinds.ts";
import type { QuotaWindow } from "./quota-window.ts";
import type { Journal } from "./journal.ts";

/** What a counter counts (Cycles action kinds §ActionQuotaState). */
export interface Counted {
  readonly tenant: string;
  readonly scope: string;
  /** `__risk__` for a counter of a whole risk class. */
  readonly actionKind: string;
  readonly riskClass?: RiskClass | undefined;
  readonly window: QuotaWindow;
  readonly windowKey: string;
  readonly limit: number;
  readonly policyId: string;
}

/** One counter (Cycles action kinds §WINDOW MODEL): its key names tenant, scope, kind or risk class, window and bucket. */
export interface QuotaCounter {
  readonly key: string;
  readonly used: number;
  /** When it was last raised. */
  readonly raisedAtMs: number;
  /** When it may be forgotten; not when its window ends, which the key says. */
  readonly expiresAtMs: number;
  /** Whether the event of its threshold was emitted: once a window, whatever is given back meanwhile. */
  readonly isAnnounced?: boolean | undefined;
  /** As the policy stood at the last call. */
  readonly about: Counted;
}

const sweepEveryMs = 60_000;

/** The counters of action quotas, as durable as the budgets. */
export class QuotaCounters {
  readonly #counters = new Map<string, QuotaCounter>();
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
  add(call: Pick<QuotaCounter, "key" | "expiresAtMs" | "about">, nowMs: number): void {
    this.#sweep(nowMs);
    const before = this.#counters.get(call.key);
    const isAnnounced = before !== undefined && before.expiresAtMs > nowMs && before.isAnnounced;
    this.#set({
      ...call,
      used: this.used(call.key, nowMs) + 1,
      raisedAtMs: nowMs,
      ...(isAnnounced && { isAnnounced }),
    });
  }

  /** Notes that the event of a counter's threshold is emitted. @returns false when it was before. */
  announce(key: string): boolean {
    const counter = this.#counters.get(key);
    if (counter === undefined || counter.isAnnounced === true) return false;
    this.#set({ ...counter, isAnnounced: true });
    return true;
  }

  /** Takes one call back; a counter that has lapsed is left alone. */
  takeBack(key: string): void {
    const counter = this.#counters.get(key);
    if (counter === undefined || counter.used === 0) return;
    this.#set({ ...counter, used: counter.used - 1 });
  }

  /** Those that have not lapsed. */
  *live(nowMs: number): Generator<QuotaCounter> {
    for (const counter of this.#counters.values()) if (counter.expiresAtMs > nowMs) yield counter;
  }

  /** Begins a counter anew; one of a run is kept as long again as after a call (Cycles action kinds §RESET SEMANTICS). */
  reset(counter: QuotaCounter, nowMs: number): QuotaCounter {
    const { about, expiresAtMs, raisedAtMs } = counter;
    const keptUntilMs = about.window === "per_run" ? nowMs + expiresAtMs - raisedAtMs : expiresAtMs;
    const begun = { ...counter, used: 0, expiresAtMs: keptUntilMs, isAnnounced: false };
    this.#set(begun);
    return begun;
  }

  /** Puts back what was written. */
  restore(text: string): void {
    const counter = parseJson(text) as unknown as QuotaCounter;
    this.#counters.set(counter.key, counter);
  }

  #set(counter: QuotaCounter): void {
    this.#counters.set(counter.key, counter);
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
