import { ConfigurationError } from "@imprest/core";
import type { LedgerStore, StoreChange } from "../ledger/store.ts";

/** What a ledger needs of the `ctx.storage` of a Durable Object whose class keeps its storage in SQLite. */
export interface DurableObjectStorage {
  readonly sql: {
    /** Runs one statement. */
    exec(query: string, ...bindings: readonly string[]): Iterable<Readonly<Record<string, unknown>>>;
  };
  /** Runs `closure`, all of it or nothing. */
  transactionSync<Result>(closure: () => Result): Result;
  /** Resolves once everything written so far is durable. */
  sync(): Promise<void>;
}

/**
 * What fits an isolate of 128 MB beside the program that runs in it: at some 1.1 kB a reservation and 0.6 kB a key, about
 * 25 MB when a tenant has filled it all.
 */
const bounds = {
  retention: { finishedReservations: 10_000, idempotencyKeys: 5_000, metadataBytes: 4_194_304 },
  maxActiveReservations: 5_000,
} as const;

/** A storage has one ledger: two in one object would spend the same budget twice. */
const open = new WeakSet<DurableObjectStorage>();

/**
 * Keeps a ledger in the storage of a Durable Object: one table, `imprest_ledger`, beside whatever else the object keeps.
 * There is one object of a name in the world, so that all Workers which ask it spend one budget.
 * @param storage `ctx.storage` of a class that is listed in `new_sqlite_classes`.
 * @throws ConfigurationError for storage without SQLite, or with a ledger that is open.
 * @example
 * const budget = createBudget({ limit: "$5.00", every: "day", prices, store: durableObjectStore(ctx.storage) });
 */
export function durableObjectStore(storage: DurableObjectStorage): LedgerStore {
  if (open.has(storage)) {
    throw new ConfigurationError(
      "This object has a ledger open in its storage; make the store once, in its constructor.",
    );
  }
  try {
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS imprest_ledger (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    );
  } catch (error) {
    const advice = "List its class in new_sqlite_classes of a migration.";
    throw new ConfigurationError(`The object's storage has no SQLite that a ledger can use. ${advice}`, {
      cause: error,
    });
  }
  open.add(storage);
  return {
    bounds,

    *load() {
      for (const { key, value } of storage.sql.exec("SELECT key, value FROM imprest_ledger")) {
        yield [String(key), String(value)] as const;
      }
    },

    async write(take: () => readonly StoreChange[]) {
      const batch = take();
      storage.transactionSync(() => {
        for (const [key, value] of batch) {
          if (value === undefined) storage.sql.exec("DELETE FROM imprest_ledger WHERE key = ?", key);
          else storage.sql.exec("INSERT OR REPLACE INTO imprest_ledger VALUES (?, ?)", key, value);
        }
      });
      // Answers of the object wait for this by themselves; a call that the object makes may not.
      await storage.sync();
    },

    close() {
      open.delete(storage);
    },
  };
}
