import { link, open, readFile, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseJson } from "../wire/json.ts";
import { randomHex } from "../platform/random.ts";
import { unlessErrno } from "./file-errors.ts";
import { giveLifeSign, isExtinct, isLocal } from "./life-sign.ts";
import { type ProcessIdentity, lookFor, ownIdentity } from "./process-identity.ts";

/** A lock appears with its content, so one that is empty for this long lost it in a power failure. */
const oldestEmptyMs = 60_000;

/** How to take a lock. */
export interface LockOptions {
  /** How long to wait for another holder, in milliseconds; 0 for not at all. */
  readonly waitMs: number;
  /** A lock whose process cannot be seen from here counts as left behind after this long, in milliseconds; never when absent. */
  readonly staleAfterMs?: number | undefined;
}

/** What a lock says of whoever holds it. */
interface Holder extends ProcessIdentity {
  /** The file of its life sign, beside the lock; absent where the holder could give none. */
  readonly sign?: string | undefined;
}

/**
 * Takes the lock that the file `path` stands for, between processes. A lock whose process is gone is taken over. A
 * process in the same pid namespace is known by its id, one in another container of this machine by the life sign beside
 * its lock. Of any other, on another machine with the same files, nothing is known: its lock stays until it is given
 * back or an operator deletes it.
 * @returns the function that gives it back.
 * @throws Error when it is not free in time, naming the holder and the file.
 */
export async function takeLock(path: string, options: LockOptions): Promise<() => Promise<void>> {
  const { waitMs, staleAfterMs } = options;
  const own = await ownIdentity();
  const nonce = randomHex(8);
  // A lock that never grows stale must name its holder after a power failure too, and be seen to be left behind.
  const isDurable = staleAfterMs === undefined;
  const sign = `${basename(path)}.${nonce}`;
  // It is given before the lock appears: whoever finds the lock and no sign of life knows that the holder is gone.
  const lifeSign = isDurable ? await giveLifeSign(besides(path, sign)) : undefined;
  const text = JSON.stringify({ ...own, nonce, ...(lifeSign !== undefined && { sign }) });
  const deadline = performance.now() + waitMs;
  try {
    for (;;) {
      if (await createWith(path, text, isDurable)) break;
      const standing = await clearAway({ path, text, own, staleAfterMs });
      if (standing === undefined) continue;
      if (performance.now() >= deadline) throw new Error(await inUse(standing.path, standing.found, own));
      await delay(2 + Math.random() * 8);
    }
  } catch (error) {
    await lifeSign?.end();
    throw error;
  }
  return async () => {
    await removeIf(path, text);
    await lifeSign?.end();
  };
}

function besides(path: string, name: string): string {
  return join(dirname(path), name);
}

/** A lock appears with its content or not at all: a process that is killed here leaves no lock that names nobody. */
async function createWith(path: string, text: string, isDurable = false): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${randomHex(8)}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      await file.writeFile(text);
      if (isDurable) await file.datasync();
    } finally {
      await file.close();
    }
    const linked = link(temporary, path).then(() => true);
    return (await unlessErrno("EEXIST", linked)) ?? false;
  } finally {
    await unlink(temporary);
  }
}

/** Who clears a lock away, and what of it is known. */
interface Clearing {
  readonly path: string;
  /** What the lock of this process says. */
  readonly text: string;
  readonly own: ProcessIdentity;
  readonly staleAfterMs: number | undefined;
}

/**
 * Removes a lock that was left behind. Only the holder of the lock `<path>.break` may, and nobody else can change `path`
 * meanwhile, so that what is removed is what was looked at. Whoever is killed over it leaves that lock behind in turn,
 * and it is cleared away as any other.
 * @returns the lock that stays because its holder may be alive.
 */
async function clearAway(clearing: Clearing): Promise<{ readonly path: string; readonly found: string } | undefined> {
  const { path, text, own, staleAfterMs } = clearing;
  const found = await unlessErrno("ENOENT", readFile(path, "utf8"));
  if (found === undefined) return undefined;
  if (!(await isLeftBehind(path, found, own, staleAfterMs))) return { path, found };
  const guard = `${path}.break`;
  if (!(await createWith(guard, text))) return clearAway({ ...clearing, path: guard });
  try {
    await removeIf(path, found);
    // The lock goes first: a lock without its sign would have to be deleted by hand.
    const sign = readHolder(found)?.sign;
    if (sign !== undefined) await unlessErrno("ENOENT", unlink(besides(path, sign)));
  } finally {
    await removeIf(guard, text);
  }
  return undefined;
}

async function removeIf(path: string, text: string): Promise<void> {
  if ((await unlessErrno("ENOENT", readFile(path, "utf8"))) === text) await unlink(path);
}

async function isLeftBehind(
  path: string,
  found: string,
  own: ProcessIdentity,
  staleAfterMs = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const holder = readHolder(found);
  const sighting = holder === undefined ? "unseen" : await lookFor(holder, own);
  if (sighting !== "unseen") return sighting === "gone";
  if (holder !== undefined && (await isSignless(path, holder, own))) return true;
  return isOlderThan(path, found === "" ? oldestEmptyMs : staleAfterMs);
}

/**
 * True when the holder could give a sign of life and there is none any more: its process has ended, or the machine that
 * has these files was started again. Where either of the two kernels shares the files with others, nothing is known.
 */
async function isSignless(path: string, { sign, boot }: Holder, own: ProcessIdentity): Promise<boolean> {
  if (sign === undefined || boot === "" || own.boot === "") return false;
  return boot === own.boot ? isExtinct(besides(path, sign)) : isLocal(path);
}

async function isOlderThan(path: string, ageMs: number): Promise<boolean> {
  const status = await unlessErrno("ENOENT", stat(path));
  return status !== undefined && Date.now() - status.mtimeMs > ageMs;
}

function readHolder(text: string): Holder | undefined {
  try {
    const { pid, ...rest } = parseJson(text) as unknown as Record<string, unknown>;
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    const textOf = (name: string): string => (typeof rest[name] === "string" ? rest[name] : "");
    const [started, host, sign] = [textOf("started"), textOf("host"), textOf("sign")];
    const place = { host, boot: textOf("boot"), namespace: textOf("namespace"), machine: textOf("machine") };
    // A sign stands beside its lock: a lock that names another place names none.
    return { pid, started, ...place, sign: sign !== "" && sign === basename(sign) ? sign : undefined };
  } catch {
    return undefined;
  }
}

async function inUse(path: string, found: string, own: ProcessIdentity): Promise<string> {
  const holder = readHolder(found);
  const who = holder === undefined ? "an unknown process" : `process ${holder.pid} on ${holder.host}`;
  const isSeen = holder !== undefined && (await lookFor(holder, own)) === "running";
  if (isSeen) return `${path} is held by ${who}. End it first.`;
  return (
    `${path} is held by ${who}, which cannot be seen from here: it may run in another container or on another machine. ` +
    "End it first; if it is gone for good, delete that file."
  );
}
