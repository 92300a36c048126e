import { randomHex } from "@imprest/core/internal";

/** The process that runs a payment, as its record names it, so that another one can tell whether it still runs. */
export interface Worker {
  readonly name: string;
  /** True only of a process that surely no longer runs; of any that cannot be seen from here, false. */
  isDead(name: string): boolean;
}

/** A set that every copy of this package in the process shares. */
export function ofProcess(kind: "workers" | "claims"): Set<string> {
  return ((globalThis as { [key: symbol]: Set<string> | undefined })[Symbol.for(`@imprest/ap2/${kind}`)] ??= new Set());
}

let name: string | undefined;

/** Where no process can be seen: only its lease says that a worker is dead. */
export const worker: Worker = {
  // Drawn on first use: a Worker may draw nothing while its modules load.
  get name() {
    return (name ??= `worker:${randomHex(8)}`);
  },
  isDead: () => false,
};
