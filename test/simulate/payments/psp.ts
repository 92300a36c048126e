import type { ChargeLookup, ChargeQuery } from "@imprest/ap2";
import type { Life, World } from "../world.ts";
import type { Fate } from "./plan.ts";

export interface Charge {
  readonly key: string;
  readonly reference: string;
  readonly amount: bigint;
}

const wayMs = 4;
/** Far longer than any body waits, and within the time after which nobody waits for a charge any more. */
const lateMs = 45_000;
const patienceMs = 10_000;

/** A payment provider that counts: what it charged is what was paid. */
export class Psp {
  readonly charges = new Map<string, Charge[]>();
  readonly #declined = new Set<string>();
  readonly #world: World;
  readonly #honoursKeys: boolean;
  readonly #blind: ReadonlySet<number>;
  /** Payments that a look-up did not see, though they were charged. */
  readonly unseen = new Set<string>();
  #lookups = 0;

  constructor(world: World, honoursKeys: boolean, blind: readonly number[]) {
    this.#world = world;
    this.#honoursKeys = honoursKeys;
    this.#blind = new Set(blind);
  }

  /** @throws what a provider's SDK throws: an error with a status, or one of the network. */
  async charge(life: Life, payment: string, key: string, amount: bigint, fate: Fate): Promise<string> {
    const { ever } = this.#world;
    await this.#world.pause(life, wayMs);
    if (fate === "refused") throw new Error("ECONNREFUSED");
    if (fate === "late") {
      void this.#world.pause(ever, lateMs).then(() => this.#book(payment, key, amount));
      await this.#world.pause(life, patienceMs);
      throw new Error("ETIMEDOUT");
    }
    // It is under way: the death of who asked does not call it back.
    const charge = fate === "declined" ? this.#decline(payment, key) : this.#book(payment, key, amount);
    await this.#world.pause(life, wayMs);
    if (fate === "repeat refused") throw Object.assign(new Error("too many requests"), { status: 429 });
    if (fate === "lost") throw new Error("ECONNRESET");
    if (charge === undefined) throw Object.assign(new Error("card declined"), { status: 402 });
    return charge.reference;
  }

  async lookUp({ transactionId, pspIdempotencyKey }: ChargeQuery): Promise<ChargeLookup> {
    await this.#world.pause(this.#world.ever, wayMs);
    const [charge] = this.charges.get(transactionId) ?? [];
    if (this.#blind.has((this.#lookups += 1))) {
      if (charge !== undefined) this.unseen.add(transactionId);
      return { status: "none" };
    }
    if (charge !== undefined) return { status: "charged", reference: charge.reference, amount: charge.amount };
    return { status: this.#declined.has(pspIdempotencyKey) ? "declined" : "none" };
  }

  /** `undefined` where the answer under this key is that it was declined. */
  #book(payment: string, key: string, amount: bigint): Charge | undefined {
    const known = this.charges.get(payment) ?? [];
    if (this.#honoursKeys) {
      const before = known.find((one) => one.key === key);
      if (before !== undefined) return before;
      if (this.#declined.has(key)) return undefined;
    }
    const charge = { key, reference: `ch_${payment}_${known.length}`, amount };
    this.charges.set(payment, [...known, charge]);
    return charge;
  }

  /** A provider that honours keys repeats the answer that a key had before. */
  #decline(payment: string, key: string): Charge | undefined {
    const before = (this.charges.get(payment) ?? []).find((one) => one.key === key);
    if (this.#honoursKeys && before !== undefined) return before;
    this.#declined.add(key);
    return undefined;
  }
}
