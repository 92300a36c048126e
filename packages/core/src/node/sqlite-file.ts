import { closeSync, existsSync, linkSync, openSync, rmSync, statSync } from "node:fs";
import type * as Sqlite from "node:sqlite";
import { randomHex } from "../platform/random.ts";
import { contentIsGone, isErrno } from "./file-errors.ts";

/** @throws Error where there is no `node:sqlite` (Node before 22.13). */
export function loadSqlite(): typeof Sqlite {
  const sqlite = process.getBuiltinModule("node:sqlite");
  if (sqlite === undefined) throw new Error("This runtime has no node:sqlite; use another record store.");
  return sqlite;
}

/**
 * Makes a database file that is new, so that nobody but its owner can read it; SQLite gives its other files the same mode.
 * One that exists is not opened: closing it would drop every lock that this process holds on it (POSIX fcntl).
 */
export function createPrivateFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    // Somebody was faster: then it exists, which is all that was asked for.
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

/**
 * Makes a new database with these tables at a path of its maker's own, its owner's alone. It is in WAL mode before anybody
 * else sees it: two processes that turn it on at once refuse each other, whatever their time-out.
 * @throws Error of `node:sqlite`.
 */
export function makeDatabase(path: string, tables: string): void {
  createPrivateFile(path);
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA journal_mode = MEMORY; BEGIN; ${tables} COMMIT; PRAGMA journal_mode = WAL;`);
  } finally {
    database.close();
  }
}

/**
 * Makes a database file that is new: it appears under its name with its tables, whoever dies meanwhile and whoever else
 * makes it, so that one which is empty has lost what it held.
 * @throws Error for an empty one, and of `node:sqlite`.
 */
export function createDatabaseFile(path: string, tables: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === 0) throw new Error(contentIsGone(path));
  if (size !== undefined) return;
  const unfinished = `${path}.${process.pid}.${randomHex(8)}.tmp`;
  try {
    makeDatabase(unfinished, tables);
    linkSync(unfinished, path);
  } catch (error) {
    // Somebody was faster, unless the name is a link that leads nowhere.
    if (!isErrno(error, "EEXIST") || !existsSync(path)) throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** @throws Error for a database without a table: it was made with some. */
export function assertHasTables(database: Sqlite.DatabaseSync, path: string): void {
  const tables = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"];
  if (tables === 0) throw new Error(contentIsGone(path));
}
