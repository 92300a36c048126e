/**
 * Reads a plain decimal ("12", "-0.05") as an integer number of `10^-scale` units.
 * @returns the exact integer, `"syntax"` when the text is no plain decimal, `"precision"` when it has more decimal
 * places than `scale`. Exponents, signs other than a leading `-`, spaces and separators are no plain decimals.
 */
export function parseDecimal(text: string, scale: number): bigint | "syntax" | "precision" {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return "syntax";
  const [, sign, whole = "", fraction = ""] = match;
  if (fraction.length > scale) return "precision";
  const magnitude = BigInt(whole + fraction.padEnd(scale, "0"));
  return sign === "-" ? -magnitude : magnitude;
}

/** Writes an integer number of `10^-scale` units as a plain decimal, without trailing zeros after the point. */
export function formatDecimal(value: bigint, scale: number): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

/** Integer division rounded towards positive infinity: spend is never rounded down. `divisor` is positive. */
export function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor > 0n ? quotient + 1n : quotient;
}
