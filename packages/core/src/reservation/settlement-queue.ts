import { SettlementError } from "../errors/spend-errors.ts";
import { Observer } from "../observe/observer.ts";
import { onAbort } from "../platform/async.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { memoryRecordStore } from "../records/memory-record-store.ts";
import type { RecordStore } from "../records/record-store.ts";
import { retryDelayMs } from "./backoff.ts";
import { DeadLetterRecords, type DeadLetters, type NewDeadLetter } from "./dead-letters.ts";
import { Gate } from "./gate.ts";
import type { Environment, Settlement, Settling, SpendAuthority } from "./port.ts";
import { SettlementRecords } from "./settlement-records.ts";
import { type OnOutcome, SettlementTask } from "./settlement-task.ts";
import { readSettling, settlingKey, settlingPrefix } from "./settling-record.ts";

/** What `recover` found. */
export interface Recovery {
  /** Settlements that an earlier process left, now being sent again. */
  readonly resumed: number;
  /** Records that cannot be read, moved to the dead letters. */
  readonly malformed: number;
}

/** How many replays and retries run at a time: a backlog must not flood an authority that has just come back. */
const mostInBackground = 32;

/**
 * Finishes what reservations leave to finish. A settlement is recorded before its first request leaves, sent again
 * with the same key and bytes until the authority gives a final answer, and only then forgotten.
 */
export class SettlementQueue {
  readonly #authority: SpendAuthority;
  readonly #environment: Environment;
  readonly #records: RecordStore;
  readonly #clock: Clock;
  readonly #settlements: SettlementRecords;
  readonly #letters: DeadLetterRecords;
  readonly #tasks = new Map<string, SettlementTask>();
  readonly #housekeeping = new Set<Promise<void>>();
  readonly #idle = new Set<() => void>();
  #closing = new AbortController();
  #closed = false;
  readonly #background = new Gate(mostInBackground);
  readonly #stopListening: (() => void) | undefined;
  /** Where this queue's events go. */
  readonly observer: Observer;

  constructor(authority: SpendAuthority) {
    this.#authority = authority;
    this.#environment = authority.environment ?? {};
    this.#records = this.#environment.records ?? memoryRecordStore();
    this.#clock = this.#environment.clock ?? systemClock;
    this.#settlements = new SettlementRecords(this.#records, this.#clock);
    this.#letters = new DeadLetterRecords(this.#records, authority.protocol, authority.target);
    this.observer = this.#environment.observer ?? new Observer(this.#environment.logger);
    this.#stopListening = authority.onNewCredentials?.(() => this.wake());
  }

  /** How many settlements have no final answer yet. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** What waits for an operator. */
  get deadLetters(): DeadLetters {
    return {
      list: () => this.#letters.list(),
      retry: (id) => this.#retryLetter(id),
      discard: (id) => this.#letters.discard(id),
    };
  }

  /**
   * Records a settlement and sends it.
   * @returns the final outcome, or `pending` as soon as the first attempt has failed; the queue then goes on by itself
   * and tells `onOutcome`. Never rejects.
   */
  async submit(settling: Settling, onOutcome?: OnOutcome): Promise<Settlement> {
    if (!this.#authority.durable) return this.#settleOnce(settling, onOutcome);
    const key = settlingKey(settling);
    const running = this.#tasks.get(key);
    if (running) return running.join(onOutcome);
    const task = this.#start(key, settling, undefined, onOutcome);
    // A second caller joins the task meanwhile, and must not send before the record is durable either.
    task.recorded = this.#recordWith(task, () => this.#settlements.record(task));
    return task.attempt();
  }

  /** Sends again what earlier processes left unfinished in the store. @throws what the store throws. */
  async recover(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Recovery> {
    let resumed = 0;
    let malformed = 0;
    for await (const record of this.#records.scan(settlingPrefix(this.#authority.protocol, this.#authority.target))) {
      options.signal?.throwIfAborted();
      const settling = readSettling(record.value);
      if (settling === undefined) {
        await this.#quarantine(record.key, record.value);
        malformed += 1;
      } else if (!this.#tasks.has(record.key)) {
        const task = this.#start(record.key, this.#settlements.withinReach(settling), record.version);
        this.#background.enter(() => task.attempt());
        resumed += 1;
      }
    }
    return { resumed, malformed };
  }

  /** Sends every waiting settlement now, such as after new credentials; an authority's not-before is kept. */
  wake(): void {
    for (const task of this.#tasks.values()) task.wake();
  }

  /**
   * Sends what waits and stays until nothing is pending, no longer than `timeoutMs`
   * (0: not at all). Unresolved records stay for the next process.
   * @returns how many settlements are still pending.
   */
  async flush(options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  }): Promise<{ readonly pending: number }> {
    if (options.timeoutMs > 0) {
      this.wake();
      await this.#untilIdle(options.timeoutMs, options.signal);
    }
    return { pending: this.#tasks.size };
  }

  #untilIdle(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve) => {
      const done = (): void => {
        timer.clear();
        stopListening();
        this.#idle.delete(check);
        resolve();
      };
      const check = (): void => {
        if (this.#tasks.size === 0 && this.#housekeeping.size === 0) done();
      };
      const timer = this.#clock.setTimer(done, timeoutMs, true);
      let stopListening = (): void => {};
      stopListening = onAbort(signal, done);
      this.#idle.add(check);
      check();
    });
  }

  /** Flushes, then stops retrying in this process. Records stay. @returns as `flush`. */
  async close(options: { readonly timeoutMs: number }): Promise<{ readonly pending: number }> {
    const result = await this.flush(options);
    this.#closed = true;
    this.#closing.abort();
    // What is still submitted is recorded and sent once; only what was under way is aborted.
    this.#closing = new AbortController();
    this.#stopListening?.();
    this.#background.clear();
    for (const task of this.#tasks.values()) task.stop();
    return result;
  }

  /** Writes a dead letter and tells it. A store that fails is told too; money is never lost in silence. */
  async bury(letter: NewDeadLetter, error: Error): Promise<boolean> {
    const { protocol, reservationId, settling } = letter;
    this.observer.emit("dead-letter", { protocol, reservationId, error, settling });
    try {
      await this.#letters.write(letter);
      return true;
    } catch (failure) {
      this.#recordFailed(reservationId, failure);
      return false;
    }
  }

  /** Takes back a letter whose spend turned out to be none. A store that fails is told. */
  async forget(letter: NewDeadLetter): Promise<void> {
    await this.#letters.remove(letter).catch((error: unknown) => this.#recordFailed(letter.reservationId, error));
  }

  async #settleOnce(settling: Settling, onOutcome: OnOutcome | undefined): Promise<Settlement> {
    const task = this.#start(settlingKey(settling), settling, undefined, onOutcome);
    return task.attempt();
  }

  #start(key: string, settling: Settling, version?: string, onOutcome?: OnOutcome): SettlementTask {
    const task = new SettlementTask(settling, version, {
      authority: this.#authority,
      clock: this.#clock,
      observer: this.observer,
      signal: this.#closing.signal,
      isClosed: () => this.#closed,
      inTurn: (attempt) => this.#background.enter(attempt),
      retryDelayMs: (attempt) => retryDelayMs(attempt, this.#environment.random),
      rewrite: (changed) => this.#recordWith(changed, () => this.#settlements.rewrite(changed)),
      finish: (finished, settlement) => this.#finish(key, finished, settlement),
      bury: (letter, error) => this.bury(letter, error),
    });
    if (onOutcome) task.listen(onOutcome);
    this.#tasks.set(key, task);
    return task;
  }

  /** A record that cannot be written is told; the spend is sent all the same. */
  async #recordWith(task: SettlementTask, write: () => Promise<void>): Promise<void> {
    if (!this.#authority.durable) return;
    await write().catch((error: unknown) => this.#recordFailed(task.settling.reservationId, error));
  }

  #finish(key: string, task: SettlementTask, keepRecord: boolean): void {
    this.#tasks.delete(key);
    if (!this.#authority.durable || !task.ownsRecord || keepRecord) return this.#checkIdle();
    // The answer is final: a crash before the record goes costs one idempotent replay, so nobody waits for it.
    const removal = this.#records.delete(key).then(
      () => {},
      (error: unknown) => this.#recordFailed(task.settling.reservationId, error),
    );
    this.#keepHouse(removal);
  }

  /** What nobody waits for but `flush` and `close`. It must not reject. */
  #keepHouse(work: Promise<void>): void {
    const kept = work.finally(() => {
      this.#housekeeping.delete(kept);
      this.#checkIdle();
    });
    this.#housekeeping.add(kept);
  }

  #checkIdle(): void {
    for (const check of this.#idle) check();
  }

  async #retryLetter(id: string): Promise<Settlement> {
    const letter = await this.#letters.read(id);
    if (letter.settling === undefined) {
      const reason = "The dead letter holds no settlement that could be sent; correct the books, then discard it.";
      const { reservationId, idempotencyKey } = letter;
      throw new SettlementError(reason, { spendHappened: true, reservationId, idempotencyKey });
    }
    const recordedAtMs = this.#clock.now();
    const settling = { ...letter.settling, recordedAtMs, notBeforeMs: 0 };
    const settlement = await this.submit(settling, ({ status }) => {
      if (status !== "pending" && status !== "rejected") this.#keepHouse(this.forget(letter));
    });
    // While it is pending its record stands for it; without one the letter is all there is.
    if (settlement.status === "pending" && this.#tasks.get(settlingKey(settling))?.version) await this.forget(letter);
    return settlement;
  }

  async #quarantine(key: string, found: NewDeadLetter["found"]): Promise<void> {
    const { protocol, target } = this.#authority;
    const reservationId = key.slice(settlingPrefix(protocol, target).length);
    const reason = "The record is not a settlement that this version can read.";
    const letter: NewDeadLetter = {
      kind: "malformed",
      protocol,
      reservationId,
      idempotencyKey: "",
      recordedAtMs: this.#clock.now(),
      reason,
      found,
    };
    if (await this.bury(letter, new Error(reason))) await this.#records.delete(key);
  }

  #recordFailed(reservationId: string, cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error("the record store failed", { cause });
    this.observer.emit("record-failure", { protocol: this.#authority.protocol, reservationId, error });
    this.#environment.logger?.error("a settlement record could not be written", {
      reservationId,
      error: error.message,
    });
  }
}

const queues = new WeakMap<SpendAuthority, SettlementQueue>();

/** The queue of an authority, one for its whole life, built from `authority.environment`. */
export function settlementQueue(authority: SpendAuthority): SettlementQueue {
  let queue = queues.get(authority);
  if (queue === undefined) {
    queue = new SettlementQueue(authority);
    queues.set(authority, queue);
  }
  return queue;
}
