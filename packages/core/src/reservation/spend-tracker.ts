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
  #held = 0n;

  constructor(reserved: Amount) {
    this.#reserved = reserved;
  }

  /** `none`: nothing moved; `possible`: something may have, nobody knows how much; `known`: `total` is exact. */
  get status(): "none" | "possible" | "known" {
    if (this.#nestedUnknown || (this.#possible && this.#own === undefined)) return "possible";
    return this.total === undefined ? "none" : "known";
  }

  /** What is known to be spent; while the status is `possible`, the least it can be. */
  get total(): Amount | undefined {
    if (this.#own === undefined && this.#nested === undefined) return undefined;
    return { unit: this.#reserved.unit, amount: (this.#own ?? 0n) + (this.#nested ?? 0n) };
  }

  get details(): Details {
    return this.#details;
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
  hold(estimate: Amount): boolean {
    this.#checkUnit(estimate);
    const left = this.#reserved.amount - this.#held - (this.total?.amount ?? 0n);
    if (estimate.amount > left) return false;
    this.#held += estimate.amount;
    return true;
  }

  /** Ends a hold. `spent` counts as this reservation's spend; `"unknown"` makes the whole unknown. */
  settleNested(estimate: Amount, spent: Amount | "none" | "unknown"): void {
    this.#held -= estimate.amount;
    if (spent === "unknown") this.#nestedUnknown = true;
    else if (spent !== "none") this.#nested = (this.#nested ?? 0n) + spent.amount;
  }

  #checkUnit(amount: Amount): void {
    if (amount.unit === this.#reserved.unit) return;
    const message = `is ${amount.unit}, but the reservation is in ${this.#reserved.unit}; convert it first`;
    throw new ValidationError("spend", [{ pointer: "/unit", message }]);
  }
}
