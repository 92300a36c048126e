import type { Amount } from "./amount.ts";

/** An amount as records and exported reservations hold it: JSON has no integer that is large enough. */
export interface AmountText {
  readonly unit: string;
  readonly amount: string;
}

export function writeAmount({ unit, amount }: Amount): AmountText {
  return { unit, amount: amount.toString() };
}

/** Reads an amount that is kept as text; `undefined` when it is none. */
export function readAmount(value: unknown): Amount | undefined {
  const { unit, amount } = (value ?? {}) as { readonly unit?: unknown; readonly amount?: unknown };
  if (typeof unit !== "string" || typeof amount !== "string" || !/^-?\d+$/.test(amount)) return undefined;
  return { unit, amount: BigInt(amount) };
}
