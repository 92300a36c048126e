import { randomHex } from "@imprest/core/internal";

/** The process that runs a payment, as its record names it, so that another one can tell whether it still runs. */
export interface Worker {
  readonly name: string;
  /** True only of a process that surely no longer runs; of any that cannot be seen from here, false. */
  isDead(name: string): boolean;
}

/** Where no process can be seen: only its lease says that a worker is dead. */
export const worker: Worker = { name: `worker:${randomHex(8)}`, isDead: () => false };
