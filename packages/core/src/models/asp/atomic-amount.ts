import { aspMostDigits } from "./names.ts";

/** ASCII digits without sign, exponent or leading zero: one spelling for one value. */
const pattern = new RegExp(`^(?:0|[1-9][0-9]{0,${aspMostDigits - 1}})$`);

/** A decimal string of ASP as a bigint; `undefined` for every other text, and for what is no text. */
export function parseAtomicAmount(value: unknown): bigint | undefined {
  return typeof value === "string" && pattern.test(value) ? BigInt(value) : undefined;
}

/** Whether an amount can stand on the wire: not negative, at most 38 digits. */
export function isAtomicAmount(value: bigint): boolean {
  return value >= 0n && value < 10n ** BigInt(aspMostDigits);
}
