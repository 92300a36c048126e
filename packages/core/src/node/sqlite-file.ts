import { closeSync, existsSync, openSync } from "node:fs";
import { isErrno } from "./file-errors.ts";

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
