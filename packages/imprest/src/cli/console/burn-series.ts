import { isInt64 } from "@imprest/core/internal";

/** What budgets had spent, at times that are the same for all of them: the newest samples of each. */
export class BurnSeries {
  readonly #most: number;
  /** When each tick was: for people by the wall clock, for rates by the one that does not jump. */
  readonly #atMs: Float64Array;
  readonly #monotonicMs: Float64Array;
  readonly #spent = new Map<string, { readonly since: number; readonly values: BigInt64Array }>();
  #ticks = 0;

  constructor(most: number) {
    this.#most = most;
    this.#atMs = new Float64Array(most);
    this.#monotonicMs = new Float64Array(most);
  }

  /** Takes a sample of each. Budgets that are not among them are forgotten. */
  sample(spent: ReadonlyMap<string, bigint>, atMs: number, monotonicMs: number): void {
    const slot = this.#ticks % this.#most;
    this.#atMs[slot] = atMs;
    this.#monotonicMs[slot] = monotonicMs;
    for (const id of this.#spent.keys()) if (!spent.has(id)) this.#spent.delete(id);
    for (const [id, value] of spent) {
      const known = this.#spent.get(id);
      // A wire's amounts are int64; what is none is a server's mistake, and no sample.
      if (!isInt64(value)) {
        this.#spent.delete(id);
        continue;
      }
      const series = known ?? { since: this.#ticks, values: new BigInt64Array(this.#most) };
      series.values[slot] = value;
      if (known === undefined) this.#spent.set(id, series);
    }
    this.#ticks += 1;
  }

  /** Ascending by time; none for a budget that is not sampled. */
  points(id: string): { readonly atMs: number; readonly monotonicMs: number; readonly spent: bigint }[] {
    const series = this.#spent.get(id);
    if (series === undefined) return [];
    const first = Math.max(series.since, this.#ticks - this.#most);
    return Array.from({ length: this.#ticks - first }, (_, at) => {
      const slot = (first + at) % this.#most;
      const [atMs = 0, monotonicMs = 0] = [this.#atMs[slot], this.#monotonicMs[slot]];
      return { atMs, monotonicMs, spent: series.values[slot] ?? 0n };
    });
  }
}
