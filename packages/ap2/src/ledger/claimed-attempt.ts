import type { Clock, RecordStore } from "@imprest/core";
import { AP2GuardError } from "../errors.ts";
import { keyIn } from "../idempotency-key.ts";
import { type Attempt, type PaymentRecord, pspSuffixOf, readRecord, suffixOf, writeRecord } from "./attempt.ts";

/** What an attempt writes to; the ledger is one. */
export interface AttemptBooks {
  readonly records: RecordStore;
  readonly clock: Clock;
}

/** An attempt that this worker owns. Its writes happen one after the other, in the order they were asked for. */
export class ClaimedAttempt {
  readonly #books: AttemptBooks;
  readonly record: string;
  readonly scope: string;
  #stored: PaymentRecord;
  #attempt: Attempt;
  #version: string;
  /** As it was to be written when the store failed: the write may have been applied all the same. */
  #unsure: Attempt | undefined;
  #writes: Promise<unknown> = Promise.resolve();

  /** Goes on with an attempt whose reserve was left unclear. */
  readonly isResumed: boolean;

  constructor(
    books: AttemptBooks,
    record: string,
    stored: PaymentRecord,
    attempt: Attempt,
    version: string,
    isResumed = false,
  ) {
    this.isResumed = isResumed;
    this.#books = books;
    this.record = record;
    this.scope = stored.scope;
    this.#stored = stored;
    this.#attempt = attempt;
    this.#version = version;
  }

  /** As last written. */
  get attempt(): Attempt {
    return this.#attempt;
  }

  /** The key of one of its steps. */
  key(phase: string, suffix?: string): string {
    const own = suffixOf(this.#attempt);
    return keyIn(this.scope, phase, [own, suffix].filter(Boolean).join("."));
  }

  /** The key that the PSP is given. */
  get pspKey(): string {
    return [keyIn(this.scope, "psp"), pspSuffixOf(this.#attempt)].filter(Boolean).join(":");
  }

  /** The PSP's id of a charge that an attempt under that key prepared; the latest. */
  get pspReference(): string | undefined {
    return (
      this.#attempt.reference ?? this.sharingPspKey.findLast(({ reference }) => reference !== undefined)?.reference
    );
  }

  /** The attempts under that key: those that follow no decline share one. */
  get sharingPspKey(): readonly Attempt[] {
    const own = pspSuffixOf(this.#attempt);
    return this.#stored.attempts.filter((attempt) => pspSuffixOf(attempt) === own);
  }

  /**
   * Records a change. @throws AP2GuardError when the attempt is no longer this worker's (`recover` gave it up for dead);
   * what the store throws.
   */
  write(change: Partial<Attempt>): Promise<void> {
    return this.#inOrder(() =>
      this.#replace((attempt) => ({ ...attempt, touchedAtMs: this.#books.clock.now(), ...change })),
    );
  }

  /** Forgets the attempt: nothing was reserved, so nothing was used. */
  withdraw(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#stored.attempts.length + this.#stored.elsewhere.length > 1) return this.#replace(() => undefined);
      const isGone = await this.#books.records.delete(this.record, this.#version);
      if (!isGone) await this.#replace(() => undefined);
    });
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(step);
    this.#writes = done.catch(() => {});
    return done;
  }

  async #replace(change: (attempt: Attempt) => Attempt | undefined): Promise<void> {
    for (;;) {
      const changed = change(this.#attempt);
      const attempts = this.#stored.attempts.flatMap((attempt) => {
        if (attempt.claim !== this.#attempt.claim) return [attempt];
        return changed === undefined ? [] : [changed];
      });
      const next = { ...this.#stored, attempts };
      const unsure = this.#unsure;
      this.#unsure = changed;
      const version = await this.#books.records.replace(this.record, writeRecord(next), this.#version);
      this.#unsure = unsure;
      if (version !== undefined) {
        this.#unsure = undefined;
        this.#version = version;
        this.#stored = next;
        this.#attempt = changed ?? this.#attempt;
        return;
      }
      await this.#reload();
    }
  }

  /** Another worker wrote: to another attempt of this mandate, which is fine, or to this one, which ends it here. */
  async #reload(): Promise<void> {
    const stored = await this.#books.records.read(this.record);
    const record = stored && readRecord(stored.value);
    const mine = record?.attempts.find(({ claim }) => claim === this.#attempt.claim);
    const isMine =
      mine !== undefined && (isAsFar(mine, this.#attempt) || JSON.stringify(mine) === JSON.stringify(this.#unsure));
    if (!stored || !record || !isMine) {
      throw new AP2GuardError("ERR_AP2_CLAIM_LOST", "Another worker took this payment over. Do not charge.");
    }
    this.#version = stored.version;
    this.#stored = record;
    this.#attempt = mine;
  }
}

/** Whether two states of an attempt differ in nothing that another worker decides. */
function isAsFar(one: Attempt, other: Attempt): boolean {
  return one.phase === other.phase && one.held === other.held && one.suspended === other.suspended;
}
