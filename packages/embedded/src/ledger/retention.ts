/**
 * How long and how much the ledger remembers of what is over. The numbers are for each tenant: none makes the ledger
 * forget another's. What is forgotten is forgotten by age, unless a number is reached first.
 */
export interface Retention {
  /**
   * Milliseconds that anything is remembered. By default: as the reference server of Cycles, 30 days for a finished
   * reservation with its settlement, 7 days for an event or a funding, one day for a decision.
   */
  readonly forMs?: number | undefined;
  /** Finished reservations of a tenant remembered at most; the oldest go first. By default: 100,000. */
  readonly finishedReservations?: number | undefined;
  /**
   * Idempotency keys of a tenant's events and fundings remembered at most, and as many of its decisions, apart from
   * them; the oldest go first. By default: 100,000. An event whose key is forgotten is charged again when it is repeated.
   */
  readonly idempotencyKeys?: number | undefined;
  /** Bytes of the metadata of a tenant's finished reservations; the oldest go first. By default: 67,108,864. */
  readonly metadataBytes?: number | undefined;
}

/** The metadata that one tenant may have kept, of active reservations and of finished ones each. */
export const defaultMetadataBytes = 67_108_864;

/** What a queue keeps at most, and for how long. */
export interface RetentionBounds<Entry> {
  readonly forMs: number;
  readonly entries: number;
  /** Together with `bytesOf`, which says how many bytes an entry counts. */
  readonly bytes?: number | undefined;
  readonly bytesOf?: ((entry: Entry) => number) | undefined;
}

/**
 * First in, first forgotten: by age, by number and by bytes. A plain array with a moving head, because a Map that loses its
 * oldest entry on every write scans its tombstones.
 */
export class RetentionQueue<Entry> {
  #entries: ({ readonly entry: Entry; readonly atMs: number; readonly bytes: number } | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  readonly #most: RetentionBounds<Entry>;
  readonly #forget: (entry: Entry) => void;

  constructor(most: RetentionBounds<Entry>, forget: (entry: Entry) => void) {
    this.#most = most;
    this.#forget = forget;
  }

  get size(): number {
    return this.#entries.length - this.#head;
  }

  /** Since when the oldest entry is remembered; `undefined` while there is none. */
  get oldestAtMs(): number | undefined {
    return this.#entries[this.#head]?.atMs;
  }

  /** Remembers `entry` from `atMs` on. */
  add(entry: Entry, atMs: number): void {
    const { entries: most, bytes: mostBytes = Infinity, bytesOf } = this.#most;
    const bytes = bytesOf?.(entry) ?? 0;
    this.#entries.push({ entry, atMs, bytes });
    this.#bytes += bytes;
    while (this.size > most || (this.#bytes > mostBytes && this.size > 1)) this.#drop();
  }

  /** Forgets what has become too old at `nowMs`. */
  prune(nowMs: number): void {
    for (;;) {
      const oldest = this.#entries[this.#head];
      if (oldest === undefined || oldest.atMs + this.#most.forMs >= nowMs) return;
      this.#drop();
    }
  }

  #drop(): void {
    const oldest = this.#entries[this.#head];
    if (oldest === undefined) return;
    this.#entries[this.#head] = undefined;
    this.#bytes -= oldest.bytes;
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    this.#forget(oldest.entry);
  }
}
