import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ConfigurationError } from "@imprest/core";
import { createPrivateFile } from "@imprest/core/node";
import { loadSqlite, makeLedgerFile, withoutContent } from "./ledger-file.ts";

/** A ledger's file, held for one process. */
export interface FileClaim {
  /** The file under its own name, not that of a link to it. */
  readonly file: string;
  /** Gives it up. */
  end(): void;
}

/**
 * Claims a ledger's file, and makes it when it is new: a ledger lives in its process's memory, and a second process with
 * the same file would spend the same budget twice. The claim is a lock of the operating system on a file beside it, so
 * that it ends with the process, however that ends, holds between containers, and keeps no reader from a backup. The file
 * of the lock remembers that there was a ledger: one that is missing later is not new.
 * @throws ConfigurationError when the file is claimed, cannot be by that name, or has lost what it held.
 */
export function claimFile(path: string): FileClaim {
  const file = ownNameOf(path);
  const lock = `${file}-lock`;
  createPrivateFile(lock);
  const { DatabaseSync } = loadSqlite();
  const holder = new DatabaseSync(lock, { timeout: 0 });
  try {
    // The lock outlives its transaction, so that what the file remembers can be written under it.
    holder.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA locking_mode = EXCLUSIVE; COMMIT;");
    const isRemembered = holder.prepare("PRAGMA user_version").get()?.["user_version"] !== 0;
    findOrMake(file, isRemembered);
    if (!isRemembered) holder.exec("PRAGMA user_version = 1");
  } catch (error) {
    holder.close();
    const isHeld = error instanceof Error && /locked|busy/i.test(error.message);
    if (isHeld) throw new ConfigurationError(openElsewhere(path), { cause: error });
    throw error;
  }
  return { file, end: () => holder.isOpen && holder.close() };
}

/** A link is followed, also one that leads nowhere: what it stands for is not new. */
function ownNameOf(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    return join(realpathSync(dirname(path)), basename(path));
  }
  const file = realpathSync(path);
  assertOneName(file);
  return file;
}

function findOrMake(file: string, isRemembered: boolean): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === 0) throw new ConfigurationError(withoutContent(file));
  if (size !== undefined) return;
  if (!isRemembered) return makeLedgerFile(file);
  const remedy = `Restore a copy of it; to begin a new ledger, delete ${file}-lock too.`;
  throw new ConfigurationError(`${file} is missing, while ${file}-lock remembers it. ${remedy}`);
}

export function openElsewhere(file: string): string {
  return `${file} is open in another process; a ledger's file belongs to one process at a time.`;
}

/** SQLite keeps a file beside it, which has what was written last: under two names there would be two of them. */
function assertOneName(file: string): void {
  if (statSync(file).nlink > 1) {
    throw new ConfigurationError(`${file} has another name (a hard link); a ledger's file has one. Remove the other.`);
  }
  if (mountPoints().includes(file)) {
    throw new ConfigurationError(`${file} is mounted by itself; mount its folder, which holds what was written last.`);
  }
}

/** Where Linux has mounted something (proc_pid_mountinfo(5)): the fifth field, with octal escapes. */
function mountPoints(): readonly string[] {
  let text: string;
  try {
    text = readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return [];
  }
  return text.split("\n").map((line) => {
    const point = line.split(" ")[4] ?? "";
    return point.replaceAll(/\\(\d{3})/g, (_escape, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  });
}
