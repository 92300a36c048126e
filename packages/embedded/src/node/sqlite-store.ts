import type { DatabaseSync } from "node:sqlite";
import { ConfigurationError } from "@imprest/core";
import type { LedgerStore, StoreChange } from "../ledger/store.ts";
import { type FileClaim, claimFile, openElsewhere } from "./file-claim.ts";
import { checksumOf, explain, loadSqlite, bringUpToDate, readSoundEntries } from "./ledger-file.ts";

/** Which file holds the ledger, and what a write survives. */
export interface SqliteStoreOptions {
  /** Path of the database file; made when it does not exist. Its directory must exist. */
  readonly file: string;
  /**
   * What an acknowledgement outlives. `"power"` (by default): a power cut, at one fsync a group of requests.
   * `"process"`: the death of the process, a SIGKILL included, but not of the machine.
   */
  readonly survives?: "power" | "process" | undefined;
}

/**
 * Keeps a ledger in one SQLite file: a table of entries, each replaced in the transaction that changed it, so that
 * opening it is one scan with nothing to replay and nothing to compact. Each entry has a checksum, which is looked at when
 * the file is opened. One process has it at a time; others may read it meanwhile (`checkLedger`, `backupLedger`).
 * @throws ConfigurationError when the file cannot be opened, is open elsewhere, or is not a ledger of this version.
 * @example
 * const embedded = createEmbeddedAuthority({ store: sqliteStore({ file: "ledger.sqlite" }) });
 */
export function sqliteStore({ file, survives = "power" }: SqliteStoreOptions): LedgerStore {
  let claim: FileClaim | undefined;
  try {
    claim = claimFile(file);
    return new SqliteStore(open(claim.file, survives), claim);
  } catch (error) {
    claim?.end();
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(explain(file, error), { cause: error });
  }
}

class SqliteStore implements LedgerStore {
  readonly #database: DatabaseSync;
  readonly #claim: FileClaim;
  readonly #put: ReturnType<DatabaseSync["prepare"]>;
  readonly #remove: ReturnType<DatabaseSync["prepare"]>;

  constructor(database: DatabaseSync, claim: FileClaim) {
    this.#database = database;
    this.#claim = claim;
    const row = "INSERT INTO entry (key, value, checksum) VALUES (?, ?, ?)";
    this.#put = database.prepare(`${row} ON CONFLICT DO UPDATE SET value = ?2, checksum = ?3`);
    this.#remove = database.prepare("DELETE FROM entry WHERE key = ?");
  }

  load(): Iterable<readonly [key: string, value: string]> {
    return readSoundEntries(this.#database, this.#claim.file);
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
        else this.#put.run(key, value, checksumOf(key, value));
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
    this.#claim.end();
  }
}

function open(file: string, survives: "power" | "process"): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(file);
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${survives === "power" ? "FULL" : "NORMAL"};`);
    database.exec("BEGIN IMMEDIATE");
    bringUpToDate(database, file);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database.close();
    // An older version claims the file itself, not the lock beside it.
    const isHeld = error instanceof Error && /locked|busy/i.test(error.message);
    throw isHeld ? new ConfigurationError(openElsewhere(file), { cause: error }) : error;
  }
}
