import { AsyncLocalStorage } from "node:async_hooks";
import type { Life } from "../world.ts";

// A worker's life is a process of its own, though all of them run in this one: what runs in one is not seen by another.

const lives = new AsyncLocalStorage<Life>();
const claims = new WeakMap<Life, Set<string>>();

/** Runs a step of a worker's life as in its own process. */
export function inProcessOf<Value>(life: Life, step: () => Value): Value {
  return lives.run(life, step);
}

const global = globalThis as { [key: symbol]: Set<string> | undefined };
const key = Symbol.for("@imprest/ap2/claims");

/** Stands where `@imprest/ap2` keeps the claims of its process; outside of every life it is a plain set. */
class ClaimsOfLives extends Set<string> {
  get #own(): Set<string> | undefined {
    const life = lives.getStore();
    if (life === undefined) return undefined;
    const own = claims.get(life) ?? new Set();
    claims.set(life, own);
    return own;
  }

  override add(claim: string): this {
    if (this.#own) this.#own.add(claim);
    else super.add(claim);
    return this;
  }

  override delete(claim: string): boolean {
    return this.#own ? this.#own.delete(claim) : super.delete(claim);
  }

  override has(claim: string): boolean {
    return this.#own ? this.#own.has(claim) : super.has(claim);
  }
}

// Other tests may run in this process before and after.
const shared = new ClaimsOfLives();
for (const claim of global[key] ?? []) shared.add(claim);
global[key] = shared;
