import type { Payment } from "@imprest/ap2";

/** A payment service that charges whatever it is asked, or, where it honours keys, once a key. Amounts in microcents. */
export class CountingPsp {
  readonly charges: { readonly id: string; readonly key: string; readonly amount: bigint }[] = [];
  readonly #honoursKeys: boolean;

  constructor({ honoursKeys = false }: { readonly honoursKeys?: boolean } = {}) {
    this.#honoursKeys = honoursKeys;
  }

  get total(): bigint {
    return this.charges.reduce((sum, { amount }) => sum + amount, 0n);
  }

  charge({ microcents, pspIdempotencyKey: key }: Payment, amount: bigint = microcents): string {
    const known = this.#honoursKeys ? this.charges.find((charge) => charge.key === key) : undefined;
    if (known) return known.id;
    const id = `ch_${this.charges.length + 1}`;
    this.charges.push({ id, key, amount });
    return id;
  }
}
