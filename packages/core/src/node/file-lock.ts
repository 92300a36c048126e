import { link, readFile, stat, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseJson } from "../wire/json.ts";
import { randomHex } from "../platform/random.ts";
import { isErrno, unlessErrno } from "./file-errors.ts";

/** Who holds a lock. `started` tells a process from a later one with the same id, where the system says. */
interface Holder {
  readonly pid: number;
  readonly started: string;
  readonly host: string;
}

/** Breaking a lock takes milliseconds; whoever began it this long ago was killed over it. */
const longestBreakMs = 60_000;

/** How to take a lock. */
export interface LockOptions {
  /** How long to wait for another holder, in milliseconds; 0 for not at all. */
  readonly waitMs: number;
  /** After this long, in milliseconds, a lock of another machine counts as left behind; never when absent. */
  readonly staleAfterMs?: number | undefined;
}

/**
 * Takes the lock that the file `path` stands for, between processes. A lock whose process is gone is taken over: its
 * process is known by id and start, so neither a reused id nor a restarted container keeps it alive.
 * @returns the function that gives it back.
 * @throws Error when it is not free in time, naming the holder and the file.
 */
export async function takeLock(path: string, { waitMs, staleAfterMs }: LockOptions): Promise<() => Promise<void>> {
  const own = { pid: process.pid, started: await startOf(process.pid), host: hostname(), nonce: randomHex(8) };
  const text = JSON.stringify(own);
  const deadline = performance.now() + waitMs;
  for (;;) {
    if (await createWith(path, text)) return () => removeIf(path, text);
    const found = await unlessErrno("ENOENT", readFile(path, "utf8"));
    if (found === undefined) continue;
    if (await isLeftBehind(path, found, staleAfterMs)) await breakLock(path, found);
    else if (performance.now() >= deadline) throw new Error(inUse(path, found));
    else await delay(2 + Math.random() * 8);
  }
}

/** A lock appears with its content or not at all: a process that is killed here leaves no lock that names nobody. */
async function createWith(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${randomHex(8)}.tmp`;
  await writeFile(temporary, text, { flag: "wx", mode: 0o600 });
  try {
    return (
      (await unlessErrno(
        "EEXIST",
        link(temporary, path).then(() => true),
      )) ?? false
    );
  } finally {
    await unlink(temporary);
  }
}

/**
 * Removes a lock that was left behind. Only whoever holds `<path>.break` may, and only while the lock is still the one
 * that was looked at; so no two processes can each believe that they took it over.
 */
async function breakLock(path: string, found: string): Promise<void> {
  const guard = `${path}.break`;
  if (await createWith(guard, "")) {
    try {
      await removeIf(path, found);
    } finally {
      await unlink(guard);
    }
  } else if (await isOlderThan(guard, longestBreakMs)) {
    await unlessErrno("ENOENT", unlink(guard));
  } else {
    await delay(5);
  }
}

async function removeIf(path: string, text: string): Promise<void> {
  if ((await unlessErrno("ENOENT", readFile(path, "utf8"))) === text) await unlink(path);
}

async function isLeftBehind(path: string, found: string, staleAfterMs = Number.POSITIVE_INFINITY): Promise<boolean> {
  const holder = readHolder(found);
  if (holder?.host === hostname()) return !(await isRunning(holder));
  // Another machine's: only its age can tell.
  return isOlderThan(path, staleAfterMs);
}

async function isOlderThan(path: string, ageMs: number): Promise<boolean> {
  const status = await unlessErrno("ENOENT", stat(path));
  return status !== undefined && Date.now() - status.mtimeMs > ageMs;
}

function readHolder(text: string): Holder | undefined {
  try {
    const { pid, started, host } = parseJson(text) as unknown as Holder;
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, started, host } : undefined;
  } catch {
    return undefined;
  }
}

async function isRunning({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
  }
  return started === "" || started === (await startOf(pid));
}

/** When a process started, as Linux counts it; empty where the system does not say. */
async function startOf(pid: number): Promise<string> {
  try {
    const fields = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold anything; the start is the 22nd (proc(5)).
    return fields.slice(fields.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function inUse(path: string, found: string): string {
  const holder = readHolder(found);
  const who = holder === undefined ? "an unknown process" : `process ${holder.pid} on ${holder.host}`;
  return `${path} is held by ${who}. End it first; if it is gone for good, delete that file.`;
}
