import { int64Max, isInt64 } from "@imprest/core/internal";
import { AP2CurrencyError, AP2MandateError } from "./errors.ts";
import { boundedText, strip } from "./text.ts";

/** How an amount in text is read. */
export interface AmountOptions {
  /** `"python"` also takes what Python's `Decimal` takes beyond ASCII: digits of other scripts, underscores. */
  readonly compat?: "python" | undefined;
}

/** 1 unit is 10^8 of what amounts are counted in; a written amount may have no more decimal places. */
const scale = 8;
/** The digits of the largest int64. */
const mostDigits = 19;

const decimalPattern = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;
const specialPattern = /^[+-]?(?:s?nan\d*|inf(?:inity)?)$/i;

/**
 * US dollars, as a mandate writes them, in hundred-millionths of a dollar; exact, never rounded. Accepts and rejects
 * what the Python guard does, in the same order, so that `"1.0000000000"` is refused for its written places.
 * @throws AP2CurrencyError for another currency; AP2MandateError for what is no finite decimal, is negative, has more
 * than eight places or does not fit int64; ValidationError for an empty or overlong text.
 */
export function toMicrocents(value: string, currency: string, options: AmountOptions = {}): bigint {
  const text = boundedText("mandate", "amountValue", value, 1, 64);
  const code = boundedText("mandate", "currency", currency, 3, 3).toUpperCase();
  if (code !== "USD") {
    throw new AP2CurrencyError(`Only US dollars can be charged without a quote; got '${code}'. Give options.quote.`);
  }
  return toScaled(text, options);
}

/** A decimal of any currency in hundred-millionths of its unit. @throws as `toMicrocents`. */
export function toScaled(text: string, { compat }: AmountOptions = {}): bigint {
  const fail = (message: string): AP2MandateError => new AP2MandateError(`amount_value ${message}`);
  const written = compat === "python" ? asciiDigits(text) : text;
  if (specialPattern.test(written)) throw fail(`must be finite; got '${text}'`);
  const match = decimalPattern.exec(written);
  if (match === null) throw fail(`'${text}' is not a valid decimal`);
  const [, sign, whole = "", fractionAfter = "", fractionAlone = "", exponentText = "0"] = match;
  const fraction = fractionAfter || fractionAlone;
  const digits = `${whole}${fraction}`.replace(/^0+(?=\d)/, "");
  const exponent = BigInt(exponentText) - BigInt(fraction.length);
  if (sign === "-" && BigInt(digits) !== 0n) throw fail("must be non-negative");
  if (exponent < -BigInt(scale)) {
    throw fail(`'${text}' has more than ${scale} decimal places; sub-micro precision would be lost`);
  }
  // Before anything is multiplied: ten characters can write a number with a trillion digits.
  const integerDigits = BigInt(digits.length) + (exponent > 0n ? exponent : 0n);
  if (integerDigits > BigInt(mostDigits)) {
    throw fail(`'${text}' exceeds int64 USD micro-cent range (${integerDigits} integer digits > ${mostDigits} max)`);
  }
  if (sign === "-") throw fail("must be non-negative");
  const scaled = BigInt(digits) * 10n ** (exponent + BigInt(scale));
  if (scaled > int64Max) throw fail(`'${text}' exceeds int64 USD micro-cent max (${scaled} > ${int64Max})`);
  return scaled;
}

/**
 * Checks an amount that a caller counted by itself.
 * @throws AP2MandateError for anything but a bigint, for a negative one, and beyond int64.
 */
export function checkMicrocents(value: unknown, name: string): bigint {
  if (typeof value !== "bigint") throw new AP2MandateError(`${name} must be an integer of type bigint`);
  if (value < 0n) throw new AP2MandateError(`${name} must be non-negative`);
  if (!isInt64(value)) throw new AP2MandateError(`${name} exceeds int64`);
  return value;
}

/** Decimal digits of every script as ASCII, and without the underscores that Python allows. */
function asciiDigits(text: string): string {
  return strip(text)
    .replaceAll("_", "")
    .replace(/\p{Nd}/gu, (digit) => String(digitValue(digit)));
}

/** Unicode encodes each script's digits as ten characters in a row, zero first. */
function digitValue(digit: string): number {
  const point = digit.codePointAt(0) ?? 0;
  let zero = point;
  while (zero > point - 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  // The mathematical digits stand in five rows of ten without a gap, so the walk may have gone too far.
  return point >= 0x1d7ce && point <= 0x1d7ff ? (point - 0x1d7ce) % 10 : point - zero;
}
