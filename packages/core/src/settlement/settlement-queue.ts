import { SettlementError } from "../errors/spend-errors.ts";
import { Observer } from "../authority/observer.ts";
import { onAbort } from "../platform/async.ts";
import type { DeadLetters, NewDeadLetter } from "./dead-letters.ts";
import { discardDeadLetter, isBuried, listDeadLetters, readDeadLetter } from "./read-dead-letters.ts";
import type { SettlingAuthority } from "../authority/authority.ts";
import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import type { Settlement, SettlementInstruction } from "../authority/settlement.ts";
import type { OnOutcome } from "./delivery.ts";
import { type Outbox, outboxOf } from "./outbox.ts";
import { readInstruction, instructionKey, instructionPrefix } from "./instruction.ts";

/** What `recover` found. */
export interface Recovery {
  /** Settlements that an earlier process left, now being sent again. */
  readonly resumed: number;
  /** Records that cannot be read, moved to the dead letters. */
  readonly malformed: number;
}

/**
 * Finishes what reservations leave to finish. A settlement is recorded before its first request leaves, sent again
 * with the same key and bytes until the authority gives a final answer, and only then forgotten.
 */
export class SettlementQueue {
  readonly #authority: SettlingAuthority;
  readonly #outbox: Outbox;

  constructor(authority: SettlingAuthority) {
    this.#authority = authority;
    this.#outbox = outboxOf(authority);
  }

  /** Where this queue's events go. */
  get observer(): Observer {
    return (this.#outbox.observer ??= new Observer(this.#authority.environment?.logger));
  }

  /** How many settlements have no final answer yet. */
  get pending(): number {
    return this.#outbox.deliveries.size;
  }

  /** What waits for an operator. */
  get deadLetters(): DeadLetters {
    const { records } = this.#outbox;
    return {
      list: (of) => listDeadLetters(records, this.#authority, of),
      retry: (id) => this.#retryLetter(id),
      discard: (id) => discardDeadLetter(records, this.#authority, id),
    };
  }

  /**
   * Records a settlement and sends it.
   * @returns the final outcome, or `pending` as soon as the first attempt has failed; the queue then goes on by itself
   * and calls `onOutcome`. Never rejects.
   */
  submit(instruction: SettlementInstruction, onOutcome?: OnOutcome): Promise<Settlement> {
    return this.#outbox.submit(instruction, onOutcome);
  }

  /** Sends again what earlier processes left unfinished in the store. @throws what the store throws. */
  async recover(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Recovery> {
    const outbox = this.#outbox;
    let resumed = 0;
    let malformed = 0;
    if (!outbox.isRecording) return { resumed, malformed };
    const prefix = instructionPrefix(this.#authority.protocol, this.#authority.target);
    for await (const { key, value, version } of outbox.records.scan(prefix)) {
      options.signal?.throwIfAborted();
      const instruction = readInstruction(value);
      if (instruction === undefined) {
        await this.#quarantine(key, prefix, value);
        malformed += 1;
      } else if (!isOf(this.#authority, instruction) || outbox.deliveries.has(key)) continue;
      else if (await isBuried(outbox.records, this.#authority, instruction)) {
        // Sent again it might be taken this time, by a late path, and would then stand in the books and in the letter.
        await outbox.records.delete(key, version);
      } else {
        const delivery = outbox.start(key, outbox.stored.withinReach(instruction), version);
        outbox.background.enter(() => delivery.attempt());
        resumed += 1;
      }
    }
    return { resumed, malformed };
  }

  /** Sends every waiting settlement now, such as after new credentials; an authority's not-before is kept. */
  wake(): void {
    this.#outbox.wake();
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
    return { pending: this.pending };
  }

  #untilIdle(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, deliveries, housekeeping, onIdle } = this.#outbox;
    return new Promise<void>((resolve) => {
      const done = (): void => {
        timer.clear();
        stopListening();
        onIdle.delete(check);
        resolve();
      };
      const check = (): void => {
        if (deliveries.size === 0 && housekeeping.size === 0) done();
      };
      const timer = clock.setTimer(done, timeoutMs, true);
      let stopListening = (): void => {};
      stopListening = onAbort(signal, done);
      onIdle.add(check);
      check();
    });
  }

  /** Flushes, then stops retrying in this process. Records stay. @returns as `flush`. */
  async close(options: { readonly timeoutMs: number }): Promise<{ readonly pending: number }> {
    const outbox = this.#outbox;
    const result = await this.flush(options);
    outbox.closed = true;
    outbox.closing.abort();
    // What is still submitted is recorded and sent once; only what was under way is aborted.
    outbox.closing = new AbortController();
    outbox.stopListening?.();
    outbox.background.clear();
    for (const delivery of outbox.deliveries.values()) delivery.stop();
    return result;
  }

  async #retryLetter(id: string): Promise<Settlement> {
    const outbox = this.#outbox;
    const letter = await readDeadLetter(outbox.records, this.#authority, id);
    if (letter.instruction === undefined) {
      const reason = "The dead letter holds no settlement that could be sent; correct the books, then discard it.";
      const { reservationId, idempotencyKey } = letter;
      throw new SettlementError(reason, { spendHappened: true, reservationId, idempotencyKey });
    }
    const now = outbox.clock.now();
    // Another time than its letter's: that distinguishes the record of a repeat from one that has its letter (`isBuried`).
    const recordedAtMs = now === letter.instruction.recordedAtMs ? now + 1 : now;
    const instruction = { ...letter.instruction, recordedAtMs, notBeforeMs: 0 };
    const settlement = await this.submit(instruction, ({ status }) => {
      if (status !== "pending" && status !== "rejected") outbox.keepHouse(outbox.forget(letter));
    });
    // While it is pending its record stands for it; without one the letter is all there is.
    const pending = outbox.deliveries.get(instructionKey(instruction));
    if (pending?.version !== undefined) await outbox.forget(letter);
    return settlement;
  }

  async #quarantine(key: string, prefix: string, found: NewDeadLetter["found"]): Promise<void> {
    const outbox = this.#outbox;
    const reason = "The record is not a settlement that this version can read.";
    const letter: NewDeadLetter = {
      kind: "malformed",
      protocol: this.#authority.protocol,
      reservationId: key.slice(prefix.length),
      idempotencyKey: "",
      recordedAtMs: outbox.clock.now(),
      reason,
      found,
    };
    if (await outbox.bury(letter, new Error(reason))) await outbox.records.delete(key);
  }
}

/** One target may be the beginning of another: such a settlement is for another server or principal. */
function isOf({ protocol, target }: SettlingAuthority, instruction: SettlementInstruction): boolean {
  return instruction.protocol === protocol && instruction.target === target;
}

/**
 * The queue of an authority, built from `authority.environment`: every call of it sees the same settlements.
 * @example
 * const queue = settlementQueue(authority);
 * await queue.recover(); // at the start: what an earlier process left
 * for await (const letter of queue.deadLetters.list()) report(letter.kind, letter.spent);
 * await queue.close({ timeoutMs: 10_000 }); // at the end
 */
export function settlementQueue(source: AuthoritySource<SettlingAuthority>): SettlementQueue {
  return new SettlementQueue(authorityOf(source));
}
