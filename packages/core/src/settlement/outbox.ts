import type { Observer } from "../observe/observer.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { memoryRecordStore } from "../records/memory-record-store.ts";
import type { RecordStore } from "../records/record-store.ts";
import { retryDelayMs } from "./backoff.ts";
import { type NewDeadLetter, deadLetterKey, writeDeadLetter } from "./dead-letters.ts";
import { Gate } from "./gate.ts";
import type { Environment, Settlement, Settling, SpendAuthority } from "../authority/authority.ts";
import { SettlementRecords } from "./settlement-records.ts";
import { type OnOutcome, SettlementTask } from "./delivery.ts";
import { settlingKey } from "./instruction.ts";

/** How many replays and retries run at a time: a backlog must not flood an authority that has just come back. */
const mostInBackground = 32;

/**
 * The settlements of one authority that have no final answer yet: recorded, sent, forgotten. It holds what a guarded
 * call needs; what operators ask (recovery, flushing, dead letters) stands over it in `SettlementQueue`.
 */
export class Settlements {
  readonly authority: SpendAuthority;
  readonly clock: Clock;
  readonly records: RecordStore;
  readonly stored: SettlementRecords;
  readonly tasks: Map<string, SettlementTask> = new Map();
  readonly background: Gate = new Gate(mostInBackground);
  /** What nobody waits for but `flush` and `close`. */
  readonly housekeeping: Set<Promise<void>> = new Set();
  /** Called whenever there may be nothing left to wait for. */
  readonly onIdle: Set<() => void> = new Set();
  readonly stopListening: (() => void) | undefined;
  /** Where events go; nowhere until somebody gives or asks for one. */
  observer: Observer | undefined;
  /** Aborts what is under way when the queue closes. */
  closing: AbortController = new AbortController();
  /** From then on one attempt is made of each settlement, and no more. */
  closed = false;
  readonly #environment: Environment;

  constructor(authority: SpendAuthority) {
    const { environment = {} } = authority;
    this.authority = authority;
    this.#environment = environment;
    this.clock = environment.clock ?? systemClock;
    this.records = environment.records ?? memoryRecordStore();
    this.observer = environment.observer;
    this.stored = new SettlementRecords(this.records, this.clock);
    this.stopListening = authority.onNewCredentials?.(() => this.wake());
  }

  /**
   * Records a settlement and sends it.
   * @returns the final outcome, or `pending` as soon as the first attempt has failed; it then goes on by itself and tells
   * `onOutcome`. Never rejects.
   */
  async submit(settling: Settling, onOutcome?: OnOutcome): Promise<Settlement> {
    const key = settlingKey(settling);
    const { durable } = this.authority;
    const running = durable ? this.tasks.get(key) : undefined;
    if (running) return running.join(onOutcome);
    const task = this.start(key, settling);
    if (onOutcome) task.listen(onOutcome);
    // A second caller joins the task meanwhile, and must not send before the record is durable either.
    if (durable) task.recorded = this.#recordWith(task, () => this.stored.record(task));
    return task.attempt();
  }

  /** A task for a settlement, which its caller sends. `version` is that of a record there is already. */
  start(key: string, settling: Settling, version?: string): SettlementTask {
    const task = new SettlementTask(key, settling, version, this);
    this.tasks.set(key, task);
    return task;
  }

  /** Sends every waiting settlement now, such as after new credentials; an authority's not-before is kept. */
  wake(): void {
    for (const task of this.tasks.values()) task.wake();
  }

  retryDelayMs(attempt: number): number {
    return retryDelayMs(attempt, this.#environment.random);
  }

  /** Makes `task.settling` durable before the request that it describes. */
  async rewrite(task: SettlementTask): Promise<void> {
    if (this.authority.durable) await this.#recordWith(task, () => this.stored.rewrite(task));
  }

  /** The task has its final answer; its record goes unless it must be kept. */
  finish(task: SettlementTask, keepRecord: boolean): void {
    this.tasks.delete(task.key);
    if (!this.authority.durable || !task.ownsRecord || keepRecord) return this.#checkIdle();
    // The answer is final: a crash before the record goes costs one idempotent replay, so nobody waits for it.
    const removal = this.records.delete(task.key).then(
      () => {},
      (error: unknown) => this.#recordFailed(task.settling.reservationId, error),
    );
    this.keepHouse(removal);
  }

  /** `work` must not reject. */
  keepHouse(work: Promise<void>): void {
    const kept = work.finally(() => {
      this.housekeeping.delete(kept);
      this.#checkIdle();
    });
    this.housekeeping.add(kept);
  }

  /** Writes a dead letter and tells it. A store that fails is told too; money is never lost in silence. */
  async bury(letter: NewDeadLetter, error: Error): Promise<boolean> {
    const { protocol, reservationId, settling } = letter;
    this.observer?.emit("dead-letter", { protocol, reservationId, error, settling });
    try {
      await writeDeadLetter(this.records, deadLetterKey(this.authority, letter), letter);
      return true;
    } catch (failure) {
      this.#recordFailed(reservationId, failure);
      return false;
    }
  }

  /** Takes back a letter whose spend turned out to be none. A store that fails is told. */
  async forget(letter: NewDeadLetter): Promise<void> {
    try {
      await this.records.delete(deadLetterKey(this.authority, letter));
    } catch (error) {
      this.#recordFailed(letter.reservationId, error);
    }
  }

  /** A record that cannot be written is told; the spend is sent all the same. */
  async #recordWith(task: SettlementTask, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#recordFailed(task.settling.reservationId, error);
    }
  }

  #checkIdle(): void {
    for (const check of this.onIdle) check();
  }

  #recordFailed(reservationId: string, cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error("the record store failed", { cause });
    this.observer?.emit("record-failure", { protocol: this.authority.protocol, reservationId, error });
    this.#environment.logger?.error("a settlement record could not be written", {
      reservationId,
      error: error.message,
    });
  }
}

const all = new WeakMap<SpendAuthority, Settlements>();

/** The settlements of an authority, the same for its whole life, built from `authority.environment`. */
export function settlementsOf(authority: SpendAuthority): Settlements {
  let settlements = all.get(authority);
  if (settlements === undefined) all.set(authority, (settlements = new Settlements(authority)));
  return settlements;
}
