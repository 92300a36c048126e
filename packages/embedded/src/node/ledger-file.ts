import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type * as Sqlite from "node:sqlite";
import { ConfigurationError } from "@imprest/core";
import { makeDatabase } from "@imprest/core/node";
import { LedgerUnavailableError } from "../ledger/unavailable.ts";

// What stands in the SQLite file of a ledger: one table of entries, each with a checksum over its key and its value.

/** Marks the file as this library's: "IMPR" in ASCII. */
const applicationId = 0x49_4d_50_52;
const schemaVersion = 3;
/** As the current one, without checksums. */
const versionWithoutChecksums = 2;

/** A text of more than this is cut where it is named. */
const longestName = 120;

/** @throws ConfigurationError where the runtime has no `node:sqlite`. */
export function loadSqlite(): typeof Sqlite {
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (sqlite !== undefined) return sqlite;
  throw new ConfigurationError("This runtime has no node:sqlite; use another store.");
}

/** Damage that SQLite does not see: a bit of a page that turned, a row that somebody else wrote. */
export function checksumOf(key: string, value: string): number {
  return crc32(`${key}\u0000${value}`);
}

export interface FoundEntry {
  readonly key: string;
  readonly value: string;
  readonly isSound: boolean;
}

/** Every entry as it stands. */
export function* readEntries(database: Sqlite.DatabaseSync): Generator<FoundEntry> {
  for (const row of database.prepare("SELECT key, value, checksum FROM entry").iterate()) {
    const [key, value] = [String(row["key"]), String(row["value"])];
    yield { key, value, isSound: Number(row["checksum"]) === checksumOf(key, value) };
  }
}

/** The entries of a file that is sound. @throws LedgerUnavailableError naming the entry that is not, and what to do. */
export function* readSoundEntries(database: Sqlite.DatabaseSync, file: string): Generator<readonly [string, string]> {
  const advice = `Restore a copy of it (\`imprest ledger check\` names all that is damaged); nothing was changed in it.`;
  try {
    for (const { key, value, isSound } of readEntries(database)) {
      if (!isSound) {
        throw new LedgerUnavailableError(`${file} is damaged: ${nameOf(key)} is not what was written. ${advice}`);
      }
      yield [key, value];
    }
  } catch (error) {
    if (error instanceof LedgerUnavailableError) throw error;
    const reason = error instanceof Error ? error.message : "unknown reason";
    throw new LedgerUnavailableError(`${file} is damaged (${reason}). ${advice}`, { cause: error });
  }
}

/** An entry's key on one line, for a message. */
export function nameOf(key: string): string {
  return JSON.stringify(key.length > longestName ? `${key.slice(0, longestName)}…` : key);
}

/**
 * Makes a ledger's file: it appears under its name whole and durable, so that one without its table was not left by a crash
 * but has lost what it held. Only the process that has claimed `file` may.
 */
export function makeLedgerFile(file: string): void {
  const unfinished = `${file}-new`;
  rmSync(unfinished, { force: true });
  const columns = "key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL";
  const table = `CREATE TABLE entry (${columns}) STRICT, WITHOUT ROWID;`;
  makeDatabase(
    unfinished,
    `${table} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion};`,
  );
  renameSync(unfinished, file);
  flushDirectory(dirname(file));
}

/** Makes the names in a directory durable. Windows has no such call, and keeps them durable by itself. */
function flushDirectory(path: string): void {
  if (process.platform === "win32") return;
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Brings a file of an older version up. @throws ConfigurationError for one that is no ledger. */
export function bringUpToDate(database: Sqlite.DatabaseSync, file: string): void {
  if (versionOf(database, file) === schemaVersion) return;
  database.function("imprest_checksum", (key, value) => checksumOf(String(key), String(value)));
  database.exec("ALTER TABLE entry ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0");
  database.exec(`UPDATE entry SET checksum = imprest_checksum(key, value); PRAGMA user_version = ${schemaVersion};`);
}

/** @throws ConfigurationError for a file that this version cannot read without changing it. */
export function assertReadable(database: Sqlite.DatabaseSync, file: string): void {
  if (versionOf(database, file) === schemaVersion) return;
  throw new ConfigurationError(`${file} was written by an older version, without checksums; open it once to add them.`);
}

function versionOf(database: Sqlite.DatabaseSync, file: string): number {
  const tables = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"];
  if (tables === 0) throw new ConfigurationError(withoutContent(file));
  const version = numberOf(database, "user_version");
  const isKnown = version === schemaVersion || version === versionWithoutChecksums;
  if (isKnown && numberOf(database, "application_id") === applicationId) return version;
  throw new ConfigurationError(`${file} is not a ledger of this version; name another file.`);
}

/** Of a file that exists and holds nothing: SQLite takes it for a new database, and a budget in it would begin anew. */
export function withoutContent(file: string): string {
  return `${file} holds no ledger: what it held is gone. Restore a copy of it; to begin a new ledger, delete it and ${file}-lock.`;
}

function numberOf(database: Sqlite.DatabaseSync, pragma: string): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}

/** Why a file cannot be opened, and what to do. */
export function explain(file: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : "unknown reason";
  return `${file} cannot be opened as a ledger (${reason}); check the path and its permissions.`;
}
