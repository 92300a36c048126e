import { type Amount, assertAmount } from "../amount/amount.ts";
import { ValidationError } from "../errors/local-errors.ts";
import type { SpendDetails } from "./spend-details.ts";

/** What one reservation and those nested within it have spent. Only grows. */
export class SpendTracker {
  readonly #reserved: Amount;
  #own: bigint | undefined;
  /** Calling the body makes spend possible; only its own word takes that back. */
  #possible = true;
  /** The body said that it spent, in words that are no amount: what it said before is a lower bound. */
  #unclear = false;
  #details: SpendDetails = {};
  #nested: bigint | undefined;
  #nestedUnknown = false;
  /** What nested reservations of their own have committed: the authority has charged it beside this reservation. */
  #beside = 0n;
  /** Nested reservations that have not settled: each holds its estimate, and what it spends may be any part of it. */
  readonly #open = new Set<SpendTracker>();
  /** The sum of their estimates. */
  #held = 0n;

  constructor(reserved: Amount) {
    this.#reserved = reserved;
  }

  /** `none`: nothing moved; `possible`: something may have, nobody knows how much; `known`: `total` is exact. */
  get status(): "none" | "possible" | "known" {
    if (this.#nestedUnknown || this.#unclear) return "possible";
    for (const { status } of this.#open) if (status !== "none") return "possible";
    if (this.total !== undefined) return "known";
    return this.#possible ? "possible" : "none";
  }

  /** What is known to be spent; while the status is `possible`, the least it can be. */
  get total(): Amount | undefined {
    let amount = plus(this.#own, this.#nested);
    for (const { total } of this.#open) amount = plus(amount, total?.amount);
    return amount === undefined ? undefined : { unit: this.#reserved.unit, amount };
  }

  /** What the caller said itself, nested reservations apart. */
  get own(): bigint | undefined {
    return this.#own;
  }

  /** True once anything was said of a spend, by the body or by a nested reservation. */
  get isStated(): boolean {
    return this.#unclear || this.#nestedUnknown || this.#open.size > 0 || (this.total?.amount ?? 0n) > 0n;
  }

  /** What nested reservations are known to have spent. */
  get nested(): bigint {
    return (this.total?.amount ?? 0n) - (this.#own ?? 0n);
  }

  get details(): SpendDetails {
    return this.#details;
  }

  /** `standIn`, but never less than what is known. */
  atLeast(standIn: Amount): Amount {
    const { total } = this;
    return total !== undefined && total.amount > standIn.amount ? total : standIn;
  }

  /** A nested reservation of its own has committed `amount`. */
  chargedBeside({ unit, amount }: Amount): void {
    if (unit === this.#reserved.unit) this.#beside += amount;
  }

  /** The estimate of the whole body, less what nested reservations of their own have charged of it already. */
  get estimateLeft(): Amount {
    const { unit, amount } = this.#reserved;
    return { unit, amount: amount > this.#beside ? amount - this.#beside : 0n };
  }

  /** Nothing was spent. @returns false when something was, or may have been, by what was said before. */
  unspent(): boolean {
    if (this.#nestedUnknown || this.#unclear || (this.total?.amount ?? 0n) > 0n) return false;
    for (const { status } of this.#open) if (status !== "none") return false;
    this.#possible = false;
    return true;
  }

  /**
   * Sets the reservation's own total.
   * @throws ValidationError for what is no amount of this reservation (another unit, a negative, a number): the spend is
   * possible from then on. ValidationError for a smaller amount: what was said before stands.
   */
  set(total: Amount): void {
    let amount: bigint;
    try {
      ({ amount } = this.read(total, "spend"));
    } catch (error) {
      this.#unclear = true;
      throw error;
    }
    if (amount < (this.#own ?? 0n)) {
      const message = "is smaller than before; pass the total spent so far, which only grows";
      throw new ValidationError("spend", [{ pointer: "/amount", message }]);
    }
    this.#own = amount;
    this.#unclear = false;
  }

  /**
   * A copy of a stated amount, each member read once: what is checked is what counts.
   * @throws ValidationError for what is no amount of this reservation: another unit, a negative, a number.
   */
  read(stated: Amount, subject: string): Amount {
    const { unit, amount } = stated ?? {};
    const copy = { unit, amount };
    assertAmount(copy, subject);
    this.#checkUnit(copy, subject);
    if (copy.amount < 0n) throw new ValidationError(subject, [{ pointer: "/amount", message: "is negative" }]);
    return copy;
  }

  /** The body spent, and nobody can say how much: what was said before is a lower bound. */
  markUnclear(): void {
    this.#unclear = true;
  }

  /** What goes with the spend; a member given later replaces an earlier one. */
  describe(details: SpendDetails): void {
    this.#details = { ...this.#details, ...details };
  }

  /** Takes a nested reservation's estimate out of what is left. @returns whether it fits. */
  hold(nested: SpendTracker): boolean {
    const estimate = nested.#reserved;
    this.#checkUnit(estimate, "spend");
    const settled = (this.#own ?? 0n) + (this.#nested ?? 0n);
    if (estimate.amount > this.#reserved.amount - settled - this.#held) return false;
    this.#open.add(nested);
    this.#held += estimate.amount;
    return true;
  }

  /** Ends a hold. `spent` counts as this reservation's spend; `"unknown"` makes the whole unknown. */
  settleNested(nested: SpendTracker, spent: Amount | "none" | "unknown"): void {
    if (this.#open.delete(nested)) this.#held -= nested.#reserved.amount;
    if (spent === "unknown") {
      this.#nestedUnknown = true;
      this.#nested = plus(this.#nested, nested.total?.amount);
    } else if (spent !== "none") this.#nested = plus(this.#nested, spent.amount);
  }

  #checkUnit(amount: Amount, subject: string): void {
    if (amount.unit === this.#reserved.unit) return;
    const message = `is ${amount.unit}, but the reservation is in ${this.#reserved.unit}; convert it first`;
    throw new ValidationError(subject, [{ pointer: "/unit", message }]);
  }
}

/** The sum of what is there; `undefined` when nothing is. */
function plus(left: bigint | undefined, right: bigint | undefined): bigint | undefined {
  return left === undefined || right === undefined ? (left ?? right) : left + right;
}
