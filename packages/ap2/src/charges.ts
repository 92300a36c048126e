import { AP2GuardError } from "./errors.ts";
import type { Attempt } from "./ledger/attempt.ts";
import { checkMicrocents } from "./microcents.ts";
import type { Charge } from "./options.ts";
import { bytesOf, shorten } from "./text.ts";

/** UTF-16 units; providers' ids have at most 255. */
export const longestReference = 1_024;

// An authority takes 16,384 bytes of metadata, and a commit above that would never be booked: of those, receipt fields have
// half, one reference at most six bytes for each of 512 UTF-16 units, and all references together a quarter.
const longestShown = 512;
const mostReferenceBytes = 4_096;

/** What the PSP charged for one payment, as its body states it: charges of different references add up. */
export class Charges {
  readonly #whole: bigint;
  readonly #amounts = new Map<string, bigint>();
  #unreferenced = 0n;
  /** What was stated in words that are no amount, by reference. */
  readonly #unclear = new Set<string>();
  #isStated = false;

  /** @param whole the mandate's amount in microcents. */
  constructor(whole: bigint) {
    this.#whole = whole;
  }

  /** Whether a charge of that reference was stated. */
  has(reference: string | undefined): boolean {
    return reference !== undefined && this.#amounts.has(reference);
  }

  /** Microcents; `undefined` while nothing was stated. */
  get total(): bigint | undefined {
    if (!this.#isStated) return undefined;
    return [...this.#amounts.values()].reduce((sum, amount) => sum + amount, this.#unreferenced);
  }

  /** As the attempt's record holds it. */
  get record(): Attempt["charged"] {
    const { total } = this;
    const [reference] = this.#amounts.keys();
    return total === undefined
      ? undefined
      : { amount: total.toString(), reference: reference && shorten(reference, longestReference) };
  }

  /** The PSP's references go with the commit, before `fields`, so that the ledger names the charges. */
  metadata(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const references = [...this.#amounts.keys()].map((name) => shorten(name, longestShown));
    while (bytesOf(references) > mostReferenceBytes) references.pop();
    const [reference] = references;
    if (reference === undefined) return fields;
    return { psp_ref: reference, ...(references.length > 1 && { psp_refs: references }), ...fields };
  }

  /** False while a charge was stated whose amount nobody can read: money moved, and nothing says how much. */
  get isClear(): boolean {
    return this.#unclear.size === 0;
  }

  /**
   * Notes one charge. The same reference again states that charge anew. Without an amount it is the whole of a reference,
   * and without a reference either what is left of the whole.
   * @throws AP2MandateError for what is no amount; AP2GuardError for a reference that is no text, with the amount noted.
   */
  add({ amount, reference }: Charge): void {
    const name = typeof reference === "string" ? reference : "";
    try {
      const left = name === "" ? this.#whole - (this.total ?? 0n) : this.#whole;
      const microcents = amount === undefined ? maximum(left, 0n) : checkMicrocents(amount, "charged.amount");
      if (name === "") this.#unreferenced += microcents;
      else this.#amounts.set(name, microcents);
      this.#isStated = true;
      this.#unclear.delete(name);
    } catch (error) {
      this.#unclear.add(name);
      throw error;
    }
    if (reference !== undefined && (name === "" || name.length > longestReference)) {
      const message = `charged() takes a reference of 1 to ${longestReference} characters. The charge itself is noted.`;
      throw new AP2GuardError("ERR_AP2_PAYMENT_ENDED", message);
    }
  }

  /** The mandate's amount stands in for what a body that returned did not state. */
  assume(): bigint {
    if (!this.#isStated) this.#unreferenced = this.#whole;
    this.#isStated = true;
    return this.total ?? this.#whole;
  }
}

function maximum(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

/** The PSP's id of a charge. @throws AP2GuardError for what no record should hold. */
export function checkReference(reference: unknown): string {
  if (typeof reference === "string" && reference !== "" && reference.length <= longestReference) return reference;
  const message = `charging() takes a reference of 1 to ${longestReference} characters.`;
  throw new AP2GuardError("ERR_AP2_PAYMENT_ENDED", message);
}
