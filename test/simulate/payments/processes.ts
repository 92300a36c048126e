import { AsyncLocalStorage } from "node:async_hooks";
import type { Life } from "../world.ts";

// A worker's life is a process of its own, though all of them run in this one: what runs in one is not seen by another.

const lives = new AsyncLocalStorage<Life>();
const claims = new WeakMap<Life, Set<string>>();

/** Runs a step of a worker's life as in its own process. */
export function inProcessOf<Value>(life: Life, step: () => Value): Value {
  return lives.run(life, step);
}

function claimsOfLife(): Set<string> {
  const life = lives.getStore();
  if (life === undefined) throw new Error("A payment runs outside of every process.");
  const own = claims.get(life) ?? new Set();
  claims.set(life, own);
  return own;
}

/** Stands where `@imprest/ap2` keeps the claims of its process. */
const claimsOfProcess: Pick<Set<string>, "add" | "delete" | "has"> = {
  add(claim) {
    claimsOfLife().add(claim);
    return this as Set<string>;
  },
  delete: (claim) => claimsOfLife().delete(claim),
  has: (claim) => claimsOfLife().has(claim),
};
Object.defineProperty(globalThis, Symbol.for("@imprest/ap2/claims"), { value: claimsOfProcess });
