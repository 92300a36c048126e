import { link, unlink } from "node:fs/promises";
import { ConfigurationError } from "@imprest/core";
import { randomHex } from "@imprest/core/internal";
import { createPrivateFile } from "@imprest/core/node";
import { loadSqlite } from "./ledger-file.ts";
import { reading } from "./reading.ts";

/** All pages in one step: in several, each write of the authority would begin the copy anew. */
const allPages = 2 ** 31 - 1;

/**
 * Copies a ledger's file while an authority may have it open: one moment of it, whole, with everything that was
 * acknowledged before. The copy appears under its name when it is complete, readable by its owner only.
 * @throws ConfigurationError when `file` cannot be read, or `to` exists.
 * @example
 * await backupLedger("ledger.sqlite", `ledger-${new Date().toISOString().slice(0, 10)}.sqlite`);
 */
export async function backupLedger(file: string, to: string): Promise<void> {
  const temporary = `${to}.${randomHex(8)}.tmp`;
  try {
    await reading(file, async (database) => {
      database.exec("COMMIT");
      await unlink(temporary).catch(() => {});
      createPrivateFile(temporary);
      await loadSqlite().backup(database, temporary, { rate: allPages });
    });
    makeOneFile(temporary);
    await link(temporary, to);
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (exists) throw new ConfigurationError(`${to} exists; name a file that does not.`, { cause: error });
    throw error;
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

/** A copy that is read keeps no second file beside it, so that it can be moved on as it is; a ledger turns it back. */
function makeOneFile(path: string): void {
  const { DatabaseSync } = loadSqlite();
  const copy = new DatabaseSync(path);
  try {
    copy.exec("PRAGMA journal_mode = DELETE");
  } finally {
    copy.close();
  }
}
