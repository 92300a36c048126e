import { link, open, readFile, stat, unlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseJson } from "../wire/json.ts";
import { randomHex } from "../platform/random.ts";
import { unlessErrno } from "./file-errors.ts";
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

/**
 * Takes the lock that the file `path` stands for, between processes. A lock whose process is gone is taken over. Only a
 * process in the same pid namespace is known by its id: in another container, or on another machine with the same host
 * name, the holder may be alive, so its lock stays until it is given back or an operator deletes it.
 * @returns the function that gives it back.
 * @throws Error when it is not free in time, naming the holder and the file.
 */
export async function takeLock(path: string, options: LockOptions): Promise<() => Promise<void>> {
  const { waitMs, staleAfterMs } = options;
  const own = await ownIdentity();
  const text = JSON.stringify({ ...own, nonce: randomHex(8) });
  const deadline = performance.now() + waitMs;
  // A lock that never grows stale must name its holder after a power failure too.
  const isDurable = staleAfterMs === undefined;
  for (;;) {
    if (await createWith(path, text, isDurable)) return () => removeIf(path, text);
    const standing = await clearAway({ path, text, own, staleAfterMs });
    if (standing === undefined) continue;
    if (performance.now() >= deadline) throw new Error(await inUse(standing.path, standing.found, own));
    await delay(2 + Math.random() * 8);
  }
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
  return isOlderThan(path, found === "" ? oldestEmptyMs : staleAfterMs);
}

async function isOlderThan(path: string, ageMs: number): Promise<boolean> {
  const status = await unlessErrno("ENOENT", stat(path));
  return status !== undefined && Date.now() - status.mtimeMs > ageMs;
}

function readHolder(text: string): ProcessIdentity | undefined {
  try {
    const { pid, ...rest } = parseJson(text) as unknown as Record<string, unknown>;
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    const textOf = (name: string): string => (typeof rest[name] === "string" ? rest[name] : "");
    const [started, host] = [textOf("started"), textOf("host")];
    return { pid, started, host, boot: textOf("boot"), namespace: textOf("namespace"), machine: textOf("machine") };
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
