import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { decodeRecordKey } from "../records/key-text.ts";
import type { RecordValue, StoredRecord } from "../records/record-store.ts";
import { loadSqlite } from "./sqlite-file.ts";

/** The records of a SQLite store's file, as they are while others write it. @throws Error of `node:sqlite`. */
export function* scanSqlite(path: string): Generator<StoredRecord> {
  const { DatabaseSync } = loadSqlite();
  const location = pathToFileURL(path);
  // A reader of a file in WAL mode makes files beside it, unless nobody writes it (SQLite, "URI Filenames", immutable).
  if (!existsSync(`${path}-wal`)) location.searchParams.set("immutable", "1");
  const database = new DatabaseSync(location, { readOnly: true });
  try {
    for (const row of database.prepare("SELECT key, value, version FROM imprest_records").iterate()) {
      const record = recordOf(row);
      if (record !== undefined) yield record;
    }
  } finally {
    database.close();
  }
}

/** A damaged row is passed over: it must not hide the others. */
function recordOf(row: Readonly<Record<string, unknown>>): StoredRecord | undefined {
  const [key, value, version] = [String(row["key"]), String(row["value"]), String(row["version"])];
  try {
    return { key: decodeRecordKey(key), value: JSON.parse(value) as RecordValue, version };
  } catch {
    return undefined;
  }
}
