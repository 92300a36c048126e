import { existsSync } from "node:fs";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { decodeRecordKey } from "../records/key-text.ts";
import type { RecordValue, StoredRecord } from "../records/record-store.ts";
import { unlessErrno } from "./file-errors.ts";
import { LogFile } from "./log-file.ts";
import { readLine } from "./log-line.ts";

/**
 * The records that stand in the folder of a file store or of a log store, or in the file of a SQLite store, while whoever
 * owns it goes on. The store is not opened: nothing is written, locked, made or set aside. What is damaged is passed over.
 * @throws Error for what holds no such store, and the system's where it cannot be read.
 */
export async function* scanRecords(path: string): AsyncGenerator<StoredRecord, void, undefined> {
  const status = await stat(path);
  if (!status.isDirectory()) yield* scanSqlite(path);
  else if (existsSync(join(path, "records.log"))) yield* scanLog(join(path, "records.log"));
  else yield* scanFolder(path);
}

async function* scanLog(path: string): AsyncGenerator<StoredRecord> {
  const { changes } = await new LogFile(path).read();
  const records = new Map<string, StoredRecord>();
  for (const change of changes) {
    if (change.version === undefined) records.delete(change.key);
    else records.set(change.key, recordOf(change));
  }
  yield* records.values();
}

async function* scanFolder(path: string): AsyncGenerator<StoredRecord> {
  for (const name of await readdir(path)) {
    if (!name.endsWith(".record")) continue;
    const text = await unlessErrno("ENOENT", readFile(join(path, name), "utf8"));
    const change = text?.endsWith("\n") === true ? readLine(text.slice(0, -1)) : undefined;
    if (change?.version !== undefined) yield recordOf(change);
  }
}

async function* scanSqlite(path: string): AsyncGenerator<StoredRecord> {
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (sqlite === undefined) throw new Error("This runtime has no node:sqlite.");
  const location = pathToFileURL(path);
  // A reader of a file in WAL mode makes files beside it, unless nobody writes it (SQLite, "URI Filenames", immutable).
  if (!existsSync(`${path}-wal`)) location.searchParams.set("immutable", "1");
  const database = new sqlite.DatabaseSync(location, { readOnly: true });
  try {
    for (const row of database.prepare("SELECT key, value, version FROM imprest_records").iterate()) {
      const [key, value, version] = [String(row["key"]), String(row["value"]), String(row["version"])];
      yield { key: decodeRecordKey(key), value: JSON.parse(value) as RecordValue, version };
    }
  } finally {
    database.close();
  }
}

function recordOf({ key, version, value }: { key: string; version: string; value: string }): StoredRecord {
  return { key, version, value: JSON.parse(value) as RecordValue };
}
