import { hash } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ConfigurationError } from "@imprest/core/internal/verify";
import type { AuditIndex } from "../audit/audit-index.ts";

/** An index in a file. What is set counts once it is committed, so that an audit that breaks off leaves nothing behind. */
export interface FileIndex extends AuditIndex {
  /** The SHA-256 of the checkpoint that the index goes with; `undefined` for a new one. */
  readonly checkpoint: string | undefined;
  /** Keeps what was set, for the audit that takes this checkpoint up. */
  commit(checkpointSha256: string): void;
  /** Closes the file; what was not committed is forgotten. */
  close(): void;
}

/** Memory for pages of the file; the operating system caches the rest. */
const cacheKiB = 65_536;

/**
 * Opens an index of finished decisions in a SQLite file, for feeds of any length: it forgets nothing, and takes the
 * memory of its page cache. One audit has it at a time.
 * @throws ConfigurationError for a file that is no such index or that another audit has open, and on a Node without
 * `node:sqlite` (before 22.13).
 * @example
 * const index = openFileIndex("audit-2026.index");
 * const auditor = createAuditor({ index, order: "feed" });
 */
export function openFileIndex(file: string): FileIndex {
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (sqlite === undefined) throw new ConfigurationError("This runtime has no node:sqlite; use Node 22.13 or newer.");
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(file);
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = -${cacheKiB};`);
    // One transaction: of an audit that breaks off, SQLite itself undoes all.
    database.exec("BEGIN IMMEDIATE");
    prepare(database);
    return new SqliteIndex(database);
  } catch (error) {
    database?.close();
    if (ConfigurationError.isInstance(error)) throw error;
    const why = error instanceof Error ? error.message : "unknown";
    throw new ConfigurationError(`${file} cannot be used as an index: ${why}.`, { cause: error });
  }
}

/** "ASPI", so that no other SQLite file is taken for an index. */
const applicationId = 0x41535049;

function prepare(database: DatabaseSync): void {
  const { application_id: id } = database.prepare("PRAGMA application_id").get() ?? {};
  if (id === applicationId) return;
  const { tables } = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() ?? {};
  if (tables !== 0) throw new ConfigurationError("The file is another SQLite database, and no index of an audit.");
  database.exec(`PRAGMA application_id = ${applicationId};
    CREATE TABLE entries (key BLOB PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE checkpoint (sha256 TEXT NOT NULL);`);
}

class SqliteIndex implements FileIndex {
  readonly forgottenMs = undefined;
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #put: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#get = database.prepare("SELECT value FROM entries WHERE key = ?");
    this.#put = database.prepare("INSERT INTO entries VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value");
  }

  get checkpoint(): string | undefined {
    const { sha256 } = this.#database.prepare("SELECT sha256 FROM checkpoint").get() ?? {};
    return typeof sha256 === "string" ? sha256 : undefined;
  }

  get(key: string): string | undefined {
    const { value } = this.#get.get(digestOf(key)) ?? {};
    return typeof value === "string" ? value : undefined;
  }

  set(key: string, value: string): void {
    this.#put.run(digestOf(key), value);
  }

  commit(checkpointSha256: string): void {
    this.#database.exec("DELETE FROM checkpoint");
    this.#database.prepare("INSERT INTO checkpoint VALUES (?)").run(checkpointSha256);
    this.#database.exec("COMMIT; BEGIN IMMEDIATE");
  }

  close(): void {
    if (!this.#database.isOpen) return;
    this.#database.exec("ROLLBACK");
    this.#database.close();
  }
}

/** Sources and ids are as long as their authority likes; 128 bits of a hash are as good as each of them. */
function digestOf(key: string): Uint8Array {
  return hash("sha256", key, "buffer").subarray(0, 16);
}
