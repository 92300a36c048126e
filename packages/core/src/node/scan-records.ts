import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RecordValue, StoredRecord } from "../records/record-store.ts";
import { unlessErrno } from "./file-errors.ts";
import { LogFile } from "./log-file.ts";
import { readLine } from "./log-line.ts";
import { scanSqlite } from "./sqlite-scan.ts";

/**
 * The records that stand in the folder of a file store or of a log store, or in the file of a SQLite store, while whoever
 * owns it goes on. The store is not opened: nothing is written, locked, made or set aside. What is damaged is passed over.
 * @throws Error for what holds no such store, and the system's where it cannot be read.
 */
export async function* scanRecords(path: string): AsyncGenerator<StoredRecord, void, undefined> {
  const log = join(path, "records.log");
  if (!(await stat(path)).isDirectory()) yield* scanSqlite(path);
  else if ((await unlessErrno("ENOENT", stat(log))) !== undefined) yield* scanLog(log);
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

function recordOf({ key, version, value }: { key: string; version: string; value: string }): StoredRecord {
  return { key, version, value: JSON.parse(value) as RecordValue };
}
