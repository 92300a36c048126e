import type { Amount } from "../amount/amount.ts";
import { ValidationError } from "../errors/local-errors.ts";
import type { Spend } from "./port.ts";

type Details = Pick<Spend, "metrics" | "metadata" | "facts">;

/** What one reservation and those nested within it have spent. Only grows. */
export class SpendTracker {
  readonly #reserved: Amount;
  #own: bigint | undefined;
  #possible = false;
  #details: Details = {};
  #nested: bigint | undefined;
  #nestedUnknown = false;
  /** Nested reservations that have not settled: each holds its estimate, and what it spends may be any part of it. */
  readonly #open = new Set<SpendTracker>();

  constructor(reserved: Amount) {
    this.#reserved = reserved;
  }

  /** `none`: nothing moved; `possible`: something may have, nobody knows how much; `known`: `total` is exact. */
  get status(): "none" | "possible" | "known" {
    const nestedAtWork = [...this.#open].some(({ status }) => status !== "none");
    if (this.#nestedUnknown || nestedAtWork || (this.#possible && this.#own === undefined)) return "possible";
    return this.total === undefined ? "none" : "known";
  }

  /** What is known to be spent; while the status is `possible`, the least it can be. */
  get total(): Amount | undefined {
    const parts = [this.#own, this.#nested, ...[...this.#open].map(({ total }) => total?.amount)];
    const known = parts.filter((part) => part !== undefined);
    if (known.length === 0) return undefined;
    return { unit: this.#reserved.unit, amount: known.reduce((sum, part) => sum + part, 0n) };
  }

  /** What the caller said itself, nested reservations apart. */
  get own(): bigint | undefined {
    return this.#own;
  }

  /** What nested reservations are known to have spent. */
  get nested(): bigint {
    return (this.total?.amount ?? 0n) - (this.#own ?? 0n);
  }

  get details(): Details {
    return this.#details;
  }

  /** `standIn`, but never less than what is known. */
  atLeast(standIn: Amount): Amount {
    const { total } = this;
    return total !== undefined && total.amount > standIn.amount ? total : standIn;
  }

  markPossible(): void {
    this.#possible = true;
  }

  /** Sets the reservation's own total. @throws ValidationError for another unit, a negative or a smaller amount. */
  set(total: Amount, details: Details | undefined): void {
    this.#checkUnit(total);
    if (total.amount < (this.#own ?? 0n)) {
      const message = "is smaller than before; pass the total spent so far, which only grows";
      throw new ValidationError("spend", [{ pointer: "/amount", message }]);
    }
    this.#own = total.amount;
    this.#details = { ...this.#details, ...details };
  }

  /** Takes a nested reservation's estimate out of what is left. @returns whether it fits. */
  hold(nested: SpendTracker): boolean {
    const estimate = nested.#reserved;
    this.#checkUnit(estimate);
    const settled = (this.#own ?? 0n) + (this.#nested ?? 0n);
    const held = [...this.#open].reduce((sum, open) => sum + open.#reserved.amount, 0n);
    if (estimate.amount > this.#reserved.amount - held - settled) return false;
    this.#open.add(nested);
    return true;
  }

  /** Ends a hold. `spent` counts as this reservation's spend; `"unknown"` makes the whole unknown. */
  settleNested(nested: SpendTracker, spent: Amount | "none" | "unknown"): void {
    this.#open.delete(nested);
    if (spent === "unknown") this.#nestedUnknown = true;
    else if (spent !== "none") this.#nested = (this.#nested ?? 0n) + spent.amount;
  }

  #checkUnit(amount: Amount): void {
    if (amount.unit === this.#reserved.unit) return;
    const message = `is ${amount.unit}, but the reservation is in ${this.#reserved.unit}; convert it first`;
    throw new ValidationError("spend", [{ pointer: "/unit", message }]);
  }
}
