import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { randomHex } from "@imprest/core/internal";
import type { Worker } from "../worker.ts";

/** Where a process id means one process: this boot, in this namespace of process ids; elsewhere than on Linux, this host. */
function placeOf(): string {
  try {
    return hashed(readFileSync("/proc/sys/kernel/random/boot_id", "utf8") + readlinkSync("/proc/self/ns/pid"));
  } catch {
    return hashed(hostname());
  }
}

function hashed(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

let place: string | undefined;
let name: string | undefined;
/** The names of this process: two copies of this package in it have one each. */
const own = ((globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for("@imprest/ap2/workers")] ??=
  new Set());

/** A process of this machine, which the system knows. */
export const worker: Worker = {
  get name() {
    if (name === undefined) {
      name = `${(place ??= placeOf())}:${process.pid}:${randomHex(8)}`;
      own.add(name);
    }
    return name;
  },
  isDead(other) {
    const [at, id] = other.split(":");
    const pid = Number(id);
    place ??= placeOf();
    if (at !== place || !Number.isSafeInteger(pid) || pid <= 0) return false;
    // A process id is one process at a time: an earlier one that had this one's is gone.
    if (pid === process.pid) return !own.has(other);
    try {
      process.kill(pid, 0);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH";
    }
  },
};
