import type { ReserveResponse } from "@imprest/core/models/asp";

/** What a reserve was answered with, by tenant and key: a repeated request gets the same answer, and no event. */
export interface RememberedReserve {
  readonly digest: string;
  readonly answer: Promise<ReserveResponse>;
}

/** Bounded: the oldest answers are forgotten first. */
export class ReserveMemory {
  readonly #answers = new Map<string, RememberedReserve>();
  readonly #most = 100_000;

  recall(tenant: string, key: string): RememberedReserve | undefined {
    return this.#answers.get(`${tenant} ${key}`);
  }

  remember(tenant: string, key: string, entry: RememberedReserve): void {
    this.#answers.set(`${tenant} ${key}`, entry);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > this.#most && oldest !== undefined) this.#answers.delete(oldest);
  }
}
