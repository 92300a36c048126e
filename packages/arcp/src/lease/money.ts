import { divideRoundingUp, formatDecimal } from "@imprest/core/internal";

/**
 * Budget counters are integers of 10^-12 of their currency: exact for every amount with up to twelve decimal places,
 * whatever its size. What has more is rounded against the spender: spend up, ceilings down.
 */
export const moneyScale = 12;
const wholeUnits = 10n ** BigInt(moneyScale);

/** How a value with more than twelve decimal places is read. */
export type Rounding = "up" | "down";

const decimalGrammar = /^(-?)(\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Reads a decimal ("0.42", 0.42, 4.2e-1) as 10^-12 units; a number is read as the shortest decimal that stands for it,
 * so 0.1 is exactly a tenth. @returns `undefined` for what is no finite decimal.
 */
export function parseMoney(value: number | bigint | string, rounding: Rounding): bigint | undefined {
  const match = decimalGrammar.exec(String(value));
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const shift = moneyScale - fraction.length + Number(exponent);
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return rounding === "up" ? divideRoundingUp(digits, divisor) : -divideRoundingUp(-digits, divisor);
}

/** A plain decimal without trailing zeros: `"0.42"`. */
export function formatMoney(units: bigint): string {
  return formatDecimal(units, moneyScale);
}

/**
 * The JSON number for an amount, exact for every whole one. A double cannot hold every decimal: where it cannot, the
 * nearest one is taken that errs on the asked side, so that a reported spend is never too small and a reported remainder
 * never too large.
 */
export function moneyToWire(units: bigint, rounding: Rounding): number | bigint {
  const whole = units / wholeUnits;
  if (whole * wholeUnits === units) return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
  const nearest = Number(formatMoney(units));
  const read = parseMoney(nearest, "down") ?? units;
  if (rounding === "up" ? read >= units : read <= units) return nearest;
  return neighbour(nearest, rounding);
}

/** The next double above or below a finite, non-zero one. */
function neighbour(value: number, direction: Rounding): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const away = value > 0 === (direction === "up");
  view.setBigInt64(0, view.getBigInt64(0) + (away ? 1n : -1n));
  return view.getFloat64(0);
}

/** One `cost.budget` pattern (ARCP §9.6). */
export interface BudgetAmount {
  readonly currency: string;
  /** 10^-12 of the currency. */
  readonly units: bigint;
}

const amountGrammar = /^([A-Za-z][A-Za-z0-9_-]{0,31}):(\d+(?:\.\d+)?)$/;

/** Reads `"USD:5.00"`; `undefined` when it does not fit the grammar of ARCP §9.6. */
export function parseBudgetAmount(pattern: string): BudgetAmount | undefined {
  const match = pattern.length <= 256 ? amountGrammar.exec(pattern) : null;
  if (match === null) return undefined;
  const [, currency = "", decimal = ""] = match;
  const units = parseMoney(decimal, "down");
  return units === undefined ? undefined : { currency, units };
}

/** `"USD:5"`: the pattern that `parseBudgetAmount` reads back as the same amount. */
export function formatBudgetAmount({ currency, units }: BudgetAmount): string {
  return `${currency}:${formatMoney(units)}`;
}

/** Ceilings by currency; the same currency twice is the sum. Malformed patterns are left out: validate first. */
export function budgetLimits(patterns: readonly string[]): Map<string, bigint> {
  const limits = new Map<string, bigint>();
  for (const pattern of patterns) {
    const amount = parseBudgetAmount(pattern);
    if (amount) limits.set(amount.currency, (limits.get(amount.currency) ?? 0n) + amount.units);
  }
  return limits;
}
