import { existsSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { ConfigurationError } from "@imprest/core";
import { assertReadable, explain, loadSqlite } from "./ledger-file.ts";

/**
 * Reads one moment of a ledger's file, whatever an authority writes meanwhile, and leaves nothing beside it. `read` runs
 * again when an authority opened the file under the first one.
 * @throws ConfigurationError for a file that cannot be opened, or is no ledger of this version.
 */
export async function reading<T>(file: string, read: (database: DatabaseSync) => Promise<T>): Promise<T> {
  const before = atRestSince(file);
  if (before === undefined) return readOnce(file, file, read);
  // A reader of a file in WAL mode makes `-wal` and `-shm`, and cannot remove them; one of a file that nobody writes makes
  // none, and does not see what is written all the same (SQLite, "URI Filenames", immutable).
  const location = pathToFileURL(file);
  location.searchParams.set("immutable", "1");
  const result = await readOnce(file, location, read);
  return atRestSince(file) === before ? result : readOnce(file, file, read);
}

/** When a file that nobody has open was last written; `undefined` for one that is open, or was left behind by a crash. */
function atRestSince(file: string): bigint | undefined {
  if (existsSync(`${file}-wal`) || existsSync(`${file}-journal`)) return undefined;
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
}

async function readOnce<T>(
  file: string,
  location: string | URL,
  read: (database: DatabaseSync) => Promise<T>,
): Promise<T> {
  const database = openToRead(file, location);
  try {
    return await read(database);
  } finally {
    database.close();
  }
}

function openToRead(file: string, location: string | URL): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(location, { readOnly: true });
    database.exec("BEGIN");
    assertReadable(database, file);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(explain(file, error), { cause: error });
  }
}
