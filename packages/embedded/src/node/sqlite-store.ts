import type { DatabaseSync } from "node:sqlite";
import { ConfigurationError } from "@imprest/core";
import { createPrivateFile } from "@imprest/core/node";
import type { LedgerStore, StoreChange } from "../ledger/store.ts";

/** Which file holds the ledger, and what a write survives. */
export interface SqliteStoreOptions {
  /** Path of the database file; made when it does not exist. Its directory must exist. */
  readonly file: string;
  /**
   * What an acknowledgement outlives. `"power"` (default): a power cut, at one fsync a group of requests.
   * `"process"`: the death of the process, a SIGKILL included, but not of the machine.
   */
  readonly survives?: "power" | "process" | undefined;
}

/** Marks the file as this library's: "IMPR" in ASCII. */
const applicationId = 0x49_4d_50_52;
const schemaVersion = 2;

/**
 * Keeps a ledger in one SQLite file: a table of entries, each replaced in the transaction that changed it, so that
 * opening it is one scan with nothing to replay and nothing to compact. The file is locked while it is open: a ledger
 * lives in its process's memory, and a second process with the same file would spend the same budget twice.
 * @throws ConfigurationError when the file cannot be opened, is open elsewhere, or is not a ledger of this version.
 * @example
 * const embedded = createEmbeddedAuthority({ store: sqliteStore({ file: "ledger.sqlite" }) });
 */
export function sqliteStore({ file, survives = "power" }: SqliteStoreOptions): LedgerStore {
  return new SqliteStore(open(file, survives));
}

class SqliteStore implements LedgerStore {
  readonly #database: DatabaseSync;
  readonly #put: ReturnType<DatabaseSync["prepare"]>;
  readonly #remove: ReturnType<DatabaseSync["prepare"]>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare("INSERT INTO entry (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = ?2");
    this.#remove = database.prepare("DELETE FROM entry WHERE key = ?");
  }

  *load(): Generator<readonly [key: string, value: string]> {
    for (const { key, value } of this.#database.prepare("SELECT key, value FROM entry").iterate()) {
      yield [String(key), String(value)];
    }
  }

  async write(take: () => readonly StoreChange[]): Promise<void> {
    // Requests that have arrived meanwhile are handled first, and share this transaction.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    const batch = take();
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const [key, value] of batch) {
        if (value === undefined) this.#remove.run(key);
        else this.#put.run(key, value);
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

function open(file: string, survives: "power" | "process"): DatabaseSync {
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (sqlite === undefined) {
    throw new ConfigurationError("This runtime has no node:sqlite; use Node 22.13 or newer, or another store.");
  }
  let database: DatabaseSync | undefined;
  try {
    createPrivateFile(file);
    database = new sqlite.DatabaseSync(file);
    // Exclusive, so that the lock is held from the first write until the process ends, however it ends.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;");
    database.exec(`PRAGMA synchronous = ${survives === "power" ? "FULL" : "NORMAL"}`);
    database.exec("BEGIN IMMEDIATE");
    prepareSchema(database, file);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(explain(file, error), { cause: error });
  }
}

function prepareSchema(database: DatabaseSync, file: string): void {
  const marked = numberOf(database, "application_id");
  const version = numberOf(database, "user_version");
  const isEmpty = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"] === 0;
  if (!isEmpty && (marked !== applicationId || version !== schemaVersion)) {
    throw new ConfigurationError(`${file} is not a ledger of this version; name another file.`);
  }
  if (!isEmpty) return;
  database.exec("CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID");
  database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion};`);
}

function numberOf(database: DatabaseSync, pragma: string): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}

function explain(file: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : "unknown reason";
  if (/locked|busy/i.test(reason)) {
    return `${file} is open in another process; a ledger's file belongs to one process at a time.`;
  }
  return `${file} cannot be opened as a ledger (${reason}); check the path and its permissions.`;
}
