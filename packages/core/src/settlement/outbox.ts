import type { GuardedCall, Observer } from "../authority/observer.ts";
import type { Logger } from "../observe/logger.ts";
import { quietLogger } from "../observe/quiet-logger.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { memoryRecordStore } from "../records/memory-record-store.ts";
import type { RecordStore } from "../records/record-store.ts";
import { checkedRetries, retryDelayMs } from "./backoff.ts";
import { type NewDeadLetter, deadLetterKey, writeDeadLetter } from "./dead-letters.ts";
import { Gate } from "./gate.ts";
import type { SettlingAuthority } from "../authority/authority.ts";
import type { Environment } from "../authority/environment.ts";
import type { Settlement, SettlementInstruction } from "../authority/settlement.ts";
import { SettlementRecords } from "./settlement-records.ts";
import { type OnOutcome, Delivery } from "./delivery.ts";
import { instructionKey } from "./instruction.ts";

/**
 * The settlements of one authority that have no final answer yet: recorded, sent, forgotten. It holds what a guarded
 * call needs; what operators ask (recovery, flushing, dead letters) stands over it in `SettlementQueue`.
 */
export class Outbox {
  readonly authority: SettlingAuthority;
  /** Whether settlements under way have a record here; else the authority's own books have them, or nobody. */
  readonly isRecording: boolean;
  readonly clock: Clock;
  readonly records: RecordStore;
  readonly stored: SettlementRecords;
  readonly deliveries: Map<string, Delivery> = new Map();
  readonly background: Gate;
  /** How often this process sends one settlement. */
  readonly mostAttempts: number;
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
  readonly logger: Logger | undefined;

  constructor(authority: SettlingAuthority) {
    const { environment = {} } = authority;
    this.authority = authority;
    this.isRecording = authority.durable && authority.recordsSettlements !== true;
    this.#environment = environment;
    this.clock = environment.clock ?? systemClock;
    this.records = environment.records ?? memoryRecordStore();
    this.observer = environment.observer;
    this.logger = environment.logger && quietLogger(environment.logger);
    const { inBackground, attempts } = checkedRetries(environment.retries);
    this.background = new Gate(inBackground);
    this.mostAttempts = attempts;
    this.stored = new SettlementRecords(this.records, this.clock);
    this.stopListening = authority.onNewCredentials?.(() => this.wake());
  }

  /**
   * Records a settlement and sends it.
   * @returns the final outcome, or `pending` as soon as the first attempt has failed; it then goes on by itself and calls
   * `onOutcome`. Never rejects.
   */
  async submit(instruction: SettlementInstruction, onOutcome?: OnOutcome, call?: GuardedCall): Promise<Settlement> {
    const key = instructionKey(instruction);
    const { durable } = this.authority;
    const running = durable ? this.deliveries.get(key) : undefined;
    if (running) return running.join(onOutcome);
    const delivery = this.start(key, instruction, undefined, call);
    if (onOutcome) delivery.listen(onOutcome);
    // A second caller joins the delivery meanwhile, and must not send before the record is durable either.
    if (this.isRecording) delivery.recorded = this.#recordWith(delivery, () => this.stored.record(delivery));
    return delivery.attempt();
  }

  /** A delivery for a settlement, which its caller sends. `version` is that of a record there is already. */
  start(key: string, instruction: SettlementInstruction, version?: string, call?: GuardedCall): Delivery {
    const delivery = new Delivery(key, instruction, version, this, call);
    this.deliveries.set(key, delivery);
    return delivery;
  }

  /** Sends every waiting settlement now, such as after new credentials; an authority's not-before is kept. */
  wake(): void {
    for (const delivery of this.deliveries.values()) delivery.wake();
  }

  retryDelayMs(attempt: number): number {
    return retryDelayMs(attempt, this.#environment.random, this.#environment.retries);
  }

  /** Makes `delivery.instruction` durable before the request that it describes. */
  async rewrite(delivery: Delivery): Promise<void> {
    if (this.isRecording) await this.#recordWith(delivery, () => this.stored.rewrite(delivery));
  }

  /** The delivery has its final answer; its record goes unless it must be kept. */
  finish(delivery: Delivery, keepRecord: boolean): void {
    this.deliveries.delete(delivery.key);
    if (!this.isRecording || !delivery.ownsRecord || keepRecord) return this.#checkIdle();
    // The answer is final: a crash before the record goes costs one idempotent replay, so nobody waits for it.
    const removal = this.records.delete(delivery.key).then(
      () => {},
      (error: unknown) => this.#recordFailed(delivery.instruction.reservationId, error),
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

  /** Writes a dead letter, emits and logs it. If the store fails, that is emitted and logged too. Never rejects. */
  async bury(letter: NewDeadLetter, error: Error): Promise<boolean> {
    const { protocol, reservationId, instruction, kind } = letter;
    this.observer?.emit("dead-letter", { protocol, reservationId, error, instruction });
    const fields = { protocol, reservationId, kind, reason: letter.reason };
    this.logger?.error("a spend is not in the books of its authority and waits as a dead letter", fields);
    try {
      const kept = { ...letter, target: this.authority.target };
      await writeDeadLetter(this.records, deadLetterKey(this.authority, letter), kept);
      return true;
    } catch (failure) {
      this.#recordFailed(reservationId, failure);
      return false;
    }
  }

  /** Takes back a letter whose spend turned out to be none. If the store fails, that is emitted and logged. */
  async forget(letter: NewDeadLetter): Promise<void> {
    try {
      await this.records.delete(deadLetterKey(this.authority, letter));
    } catch (error) {
      this.#recordFailed(letter.reservationId, error);
    }
  }

  /** If a record cannot be written, that is emitted and logged; the spend is sent all the same. */
  async #recordWith(delivery: Delivery, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#recordFailed(delivery.instruction.reservationId, error);
    }
  }

  #checkIdle(): void {
    for (const check of this.onIdle) check();
  }

  #recordFailed(reservationId: string, cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error("the record store failed", { cause });
    this.observer?.emit("record-failure", { protocol: this.authority.protocol, reservationId, error });
    this.logger?.error("a settlement record could not be written", {
      reservationId,
      error: error.message,
    });
  }
}

/** The same in every copy of this package, so that all of them find one outbox. */
const member: unique symbol = Symbol.for("imprest.outbox");

/**
 * The settlements of an authority, the same for its whole life, built from `authority.environment`. The outbox is a
 * member of the authority itself: two copies of core in one process agree on what is pending.
 */
export function outboxOf(authority: SettlingAuthority & { readonly [member]?: Outbox }): Outbox {
  // A copy of an authority (`{ ...authority }`) is another authority: only its own outbox counts.
  const own = Object.hasOwn(authority, member) ? authority[member] : undefined;
  if (own !== undefined) return own;
  const outbox = new Outbox(authority);
  Object.defineProperty(authority, member, { value: outbox });
  return outbox;
}

/** Has `authority`, which stands for one request of `owner`, settle through the queue of its owner. */
export function shareOutbox(authority: SettlingAuthority, owner: SettlingAuthority): void {
  Object.defineProperty(authority, member, { value: outboxOf(owner) });
}
