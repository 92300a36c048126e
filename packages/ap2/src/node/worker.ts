import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { randomHex } from "@imprest/core/internal";
import { type Worker, ofProcess } from "../worker.ts";

/**
 * Where a process id means one process: this boot, in this namespace of process ids; elsewhere than on Linux, the machine
 * of this host name and these network cards. Where there is neither, only this process.
 */
function placeOf(): string {
  try {
    return hashed(readFileSync("/proc/sys/kernel/random/boot_id", "utf8") + readlinkSync("/proc/self/ns/pid"));
  } catch {
    const cards = cardsOf();
    // Machines may share a host name, and a process of another one must not be looked for here.
    return cards.length > 0 ? hashed([hostname(), ...cards].join()) : randomHex(16);
  }
}

/** The addresses of the network cards; none where the system does not say. */
function cardsOf(): string[] {
  try {
    const cards = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
    const addresses = cards.filter(({ internal, mac }) => !internal && mac !== "00:00:00:00:00:00");
    return [...new Set(addresses.map(({ mac }) => mac))].toSorted();
  } catch {
    return [];
  }
}

function hashed(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

let place: string | undefined;
let name: string | undefined;
/** A process of this machine, which the system knows. */
export const worker: Worker = {
  get name() {
    if (name === undefined) {
      name = `${(place ??= placeOf())}:${process.pid}:${randomHex(8)}`;
      // Two copies of this package in one process have a name each.
      ofProcess("workers").add(name);
    }
    return name;
  },
  isDead(other) {
    const [at, id] = other.split(":");
    const pid = Number(id);
    place ??= placeOf();
    if (at !== place || !Number.isSafeInteger(pid) || pid <= 0) return false;
    // A process id is one process at a time: an earlier one that had this one's is gone.
    if (pid === process.pid) return !ofProcess("workers").has(other);
    try {
      process.kill(pid, 0);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH";
    }
  },
};
