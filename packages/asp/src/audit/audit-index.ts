import { ConfigurationError } from "@imprest/core/internal/verify";

/**
 * What an auditor remembers of finished decisions, so that nothing of them passes a second time: event ids, reservation
 * ids, and how each decision ended. In memory it is bounded; `openFileIndex` of `@imprest/asp/node` forgets nothing.
 */
export interface AuditIndex {
  /** The value of a key; `undefined` where there is none, or where it was forgotten. */
  get(key: string): string | undefined;
  /** Remembers a value. @param atMs the time of the event that the entry is of, epoch milliseconds. */
  set(key: string, value: string, atMs: number): void;
  /** The latest time of an entry that was forgotten; `undefined` while nothing was. */
  readonly forgottenMs: number | undefined;
  /** What a checkpoint must carry, the oldest first; absent where the index lasts by itself. */
  entries?(): Iterable<AuditIndexEntry>;
}

/** A key, its value, and the time of the event that it is of, in epoch milliseconds. */
export type AuditIndexEntry = readonly [key: string, value: string, atMs: number];

/** Some 20 MB, and 10,000 decisions of four events. */
const defaultEntries = 50_000;

/**
 * An index that forgets what was set longest ago.
 * @param options.entries how many are kept; 50,000 when absent.
 * @param options.from those of a checkpoint.
 * @throws ConfigurationError for a number below 1.
 */
export function createMemoryIndex(
  options: {
    readonly entries?: number | undefined;
    readonly from?: Iterable<AuditIndexEntry> | undefined;
    readonly forgottenMs?: number | undefined;
  } = {},
): AuditIndex {
  return new MemoryIndex(options.entries ?? defaultEntries, options.from ?? [], options.forgottenMs);
}

class MemoryIndex implements AuditIndex {
  readonly #most: number;
  readonly #entries = new Map<string, { readonly value: string; readonly atMs: number }>();
  readonly #oldest = this.#entries.entries();
  #forgottenMs: number | undefined;

  constructor(most: number, from: Iterable<AuditIndexEntry>, forgottenMs: number | undefined) {
    if (!(most >= 1)) throw new ConfigurationError("An index needs room for one entry at least.");
    this.#most = most;
    this.#forgottenMs = forgottenMs;
    for (const [key, value, atMs] of from) this.set(key, value, atMs);
  }

  get forgottenMs(): number | undefined {
    return this.#forgottenMs;
  }

  get(key: string): string | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: string, atMs: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, atMs });
    if (this.#entries.size <= this.#most) return;
    // One iterator for good: a fresh one would pass over every place that was left empty, at each entry anew.
    const oldest = this.#oldest.next().value;
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    this.#forgottenMs = Math.max(this.#forgottenMs ?? -Infinity, oldest[1].atMs);
  }

  *entries(): Generator<AuditIndexEntry> {
    for (const [key, { value, atMs }] of this.#entries) yield [key, value, atMs];
  }
}
