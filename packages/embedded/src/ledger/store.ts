import type { Retention } from "./retention.ts";

/** One entry to write under its key, or, without a value, to remove. */
export type StoreChange = readonly [key: string, value: string | undefined];

/**
 * Where a ledger keeps its state: entries under keys, each a JSON text. The ledger holds everything in memory, reads
 * the store once when it opens, and writes the entries that changed; nothing is acknowledged before they are durable.
 */
export interface LedgerStore {
  /** How much the ledger's memory may hold where this store is used; options of the ledger come first. */
  readonly bounds?: { readonly retention: Retention; readonly maxActiveReservations: number } | undefined;
  /** Every entry as it stands. Called once, before any write. */
  load(): Iterable<readonly [key: string, value: string]>;
  /**
   * Writes one batch, all or nothing, and resolves once it is durable. `take` hands out the batch and must be called
   * once, as late as possible: whatever changes until then shares the write. The ledger never has two writes under way.
   */
  write(take: () => readonly StoreChange[]): Promise<void>;
  /** Releases the store; no write is under way. */
  close(): void;
}
