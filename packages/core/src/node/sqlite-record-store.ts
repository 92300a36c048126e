import { randomUUID } from "node:crypto";
import type { StatementSync } from "node:sqlite";
import { decodeRecordKey, encodeRecordKey } from "../records/key-text.ts";
import type { RecordStore, RecordValue, StoredRecord } from "../records/record-store.ts";
import { assertHasTables, createDatabaseFile, loadSqlite } from "./sqlite-file.ts";

/** Where the records are kept. */
export interface SqliteRecordStoreOptions {
  /** How long a write waits for another process's, in milliseconds; 5000 when absent. */
  readonly busyTimeoutMs?: number | undefined;
}

interface Row {
  readonly key: string;
  readonly value: string;
  readonly version: string;
}

const tables = `
  CREATE TABLE IF NOT EXISTS imprest_records (
    key TEXT PRIMARY KEY COLLATE BINARY,
    value TEXT NOT NULL,
    version TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Records in one SQLite file, shared by any number of processes of one machine. A write is on the disk when its promise
 * resolves (WAL, `synchronous=FULL`). Calls block the thread for as long as the disk takes. A new file is its owner's alone.
 * @throws Error for a file that is there and empty, since it has lost what it held. Error of `node:sqlite` when the file
 * cannot be opened, or where there is no `node:sqlite` (Node before 22.13).
 */
export function sqliteRecordStore(file: string, options: SqliteRecordStoreOptions = {}): RecordStore {
  const { DatabaseSync } = loadSqlite();
  const isPath = !/^$|^:memory:|^file:/.test(file);
  if (isPath) createDatabaseFile(file, tables);
  const database = new DatabaseSync(file, { timeout: options.busyTimeoutMs ?? 5_000 });
  try {
    if (isPath) assertHasTables(database, file);
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${tables}`);
  } catch (error) {
    database.close();
    throw error;
  }
  const statement = (sql: string): StatementSync => database.prepare(sql);
  const insert = statement("INSERT INTO imprest_records VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const select = statement("SELECT key, value, version FROM imprest_records WHERE key = ?");
  const update = statement("UPDATE imprest_records SET value = ?, version = ? WHERE key = ? AND version = ?");
  const remove = statement("DELETE FROM imprest_records WHERE key = ?");
  const removeVersion = statement("DELETE FROM imprest_records WHERE key = ? AND version = ?");
  const first = statement("SELECT key, value, version FROM imprest_records WHERE key >= ? ORDER BY key LIMIT 1");
  const next = statement("SELECT key, value, version FROM imprest_records WHERE key > ? ORDER BY key LIMIT 1");
  return {
    // A version is drawn, not counted: a record that is deleted and made again must not look like the one before.
    async create(key, value) {
      const version = randomUUID();
      return insert.run(encodeRecordKey(key), JSON.stringify(value), version).changes > 0 ? version : undefined;
    },
    async read(key) {
      const row = select.get(encodeRecordKey(key));
      return row && toRecord(row as unknown as Row);
    },
    async replace(key, value, version) {
      const written = randomUUID();
      return update.run(JSON.stringify(value), written, encodeRecordKey(key), version).changes > 0
        ? written
        : undefined;
    },
    async delete(key, version) {
      const text = encodeRecordKey(key);
      const { changes } = version === undefined ? remove.run(text) : removeVersion.run(text, version);
      return changes > 0;
    },
    async *scan(prefix) {
      const text = encodeRecordKey(prefix);
      let row = first.get(text) as unknown as Row | undefined;
      for (;;) {
        if (!row?.key.startsWith(text)) return;
        yield toRecord(row);
        row = next.get(row.key) as unknown as Row | undefined;
      }
    },
    async close() {
      database.close();
    },
  };
}

function toRecord({ key, value, version }: Row): StoredRecord {
  return { key: decodeRecordKey(key), value: JSON.parse(value) as RecordValue, version };
}
