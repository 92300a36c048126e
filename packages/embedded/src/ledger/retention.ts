/** How long and how much the ledger remembers of what is over. */
export interface Retention {
  /** Milliseconds that a finished reservation or an idempotency key is remembered. Default: one day. */
  readonly forMs?: number | undefined;
  /** Finished reservations remembered at most; the oldest go first. Default: 100,000. */
  readonly finishedReservations?: number | undefined;
  /** Idempotency keys of decisions, events and fundings remembered at most. Default: 100,000. */
  readonly idempotencyKeys?: number | undefined;
}

/**
 * First in, first forgotten: by age and by number. A plain array with a moving head, because a Map that loses its
 * oldest entry on every write scans its tombstones.
 */
export class RetentionQueue<Entry> {
  #entries: ({ readonly entry: Entry; readonly atMs: number } | undefined)[] = [];
  #head = 0;
  readonly #forMs: number;
  readonly #most: number;
  readonly #forget: (entry: Entry) => void;

  constructor(forMs: number, most: number, forget: (entry: Entry) => void) {
    this.#forMs = forMs;
    this.#most = most;
    this.#forget = forget;
  }

  get size(): number {
    return this.#entries.length - this.#head;
  }

  /** Remembers `entry` from `atMs` on. */
  add(entry: Entry, atMs: number): void {
    this.#entries.push({ entry, atMs });
    if (this.size > this.#most) this.#drop();
  }

  /** Forgets what has become too old at `nowMs`. */
  prune(nowMs: number): void {
    for (;;) {
      const oldest = this.#entries[this.#head];
      if (oldest === undefined || oldest.atMs + this.#forMs >= nowMs) return;
      this.#drop();
    }
  }

  #drop(): void {
    const oldest = this.#entries[this.#head];
    if (oldest === undefined) return;
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    this.#forget(oldest.entry);
  }
}
