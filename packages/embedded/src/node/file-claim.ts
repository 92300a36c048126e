import { readFileSync, realpathSync, statSync } from "node:fs";
import { ConfigurationError } from "@imprest/core";
import { createPrivateFile } from "@imprest/core/node";
import { loadSqlite } from "./ledger-file.ts";

/** A ledger's file, held for one process. */
export interface FileClaim {
  /** The file under its own name, not that of a link to it. */
  readonly file: string;
  /** Gives it up. */
  end(): void;
}

/**
 * Claims a ledger's file, and makes it when it is new: a ledger lives in its process's memory, and a second process with
 * the same file would spend the same budget twice. The claim is a lock of the operating system on an empty file beside
 * it, so that it ends with the process, however that ends, holds between containers, and keeps no reader from a backup.
 * @throws ConfigurationError when the file is claimed, or cannot be by that name.
 */
export function claimFile(path: string): FileClaim {
  createPrivateFile(path);
  const file = realpathSync(path);
  assertOneName(file);
  const lock = `${file}-lock`;
  createPrivateFile(lock);
  const { DatabaseSync } = loadSqlite();
  const holder = new DatabaseSync(lock, { timeout: 0 });
  try {
    holder.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    holder.close();
    const isHeld = error instanceof Error && /locked|busy/i.test(error.message);
    if (isHeld) throw new ConfigurationError(openElsewhere(path), { cause: error });
    throw error;
  }
  return { file, end: () => holder.isOpen && holder.close() };
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
