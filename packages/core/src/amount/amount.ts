import { ValidationError } from "../errors/local-errors.ts";
import { formatDecimal, parseDecimal } from "./decimal.ts";

/**
 * An exact quantity of one unit. Which sizes and signs a wire accepts is that wire's own rule
 * (Cycles: int64; ASP: 38 digits), checked where the amount is written.
 */
export interface Amount {
  readonly unit: string;
  readonly amount: bigint;
}

/** The units of the Cycles Protocol (Cycles §UnitEnum); other protocols bring their own names. */
export const Unit: {
  readonly usdMicrocents: "USD_MICROCENTS";
  readonly tokens: "TOKENS";
  readonly credits: "CREDITS";
  readonly riskPoints: "RISK_POINTS";
} = { usdMicrocents: "USD_MICROCENTS", tokens: "TOKENS", credits: "CREDITS", riskPoints: "RISK_POINTS" };

/** 1 USD = 10^8 microcents, so a dollar amount has at most eight decimal places. */
const usdScale = 8;

/**
 * `value` whole units of `unit`.
 * @throws ValidationError for a fraction, NaN, infinity or a number beyond 2^53 - 1; pass a bigint for those.
 */
export function amount(unit: string, value: bigint | number | string): Amount {
  if (unit === "") throw new ValidationError("amount", [{ pointer: "/unit", message: "is empty; name the unit" }]);
  return { unit, amount: toInteger(value, unit) };
}

/**
 * Dollars in USD_MICROCENTS: `usd("0.05")`, `usd(3)`, `usd(3n)`.
 * @throws ValidationError for a float, a ninth decimal place, or text that is no plain decimal.
 * @example
 * usd("0.05"); // { unit: "USD_MICROCENTS", amount: 5_000_000n }
 */
export function usd(dollars: bigint | number | string): Amount {
  if (typeof dollars !== "string") {
    return { unit: Unit.usdMicrocents, amount: toInteger(dollars, "usd", 'write usd("0.05")') * 10n ** 8n };
  }
  const parsed = parseDecimal(dollars, usdScale);
  if (parsed === "precision") {
    throw invalid("usd", `"${dollars}" has more than ${usdScale} decimal places; 1 microcent is usd("0.00000001")`);
  }
  if (parsed === "syntax") throw invalid("usd", `"${shorten(dollars)}" is not a plain decimal such as "0.05"`);
  return { unit: Unit.usdMicrocents, amount: parsed };
}

/** Hundred-millionths of a dollar. @throws ValidationError as `amount`. */
export function usdMicrocents(value: bigint | number | string): Amount {
  return amount(Unit.usdMicrocents, value);
}

/** Model tokens. @throws ValidationError as `amount`. */
export function tokens(value: bigint | number | string): Amount {
  return amount(Unit.tokens, value);
}

/** Credits of the deployment's own meaning. @throws ValidationError as `amount`. */
export function credits(value: bigint | number | string): Amount {
  return amount(Unit.credits, value);
}

/** Risk points. @throws ValidationError as `amount`. */
export function riskPoints(value: bigint | number | string): Amount {
  return amount(Unit.riskPoints, value);
}

/**
 * `"$0.05"` for USD_MICROCENTS, `"1200 TOKENS"` for any other unit; exact, never rounded.
 * @example
 * formatAmount(usd("0.05")); // "$0.05"
 */
export function formatAmount({ unit, amount: value }: Amount): string {
  if (unit !== Unit.usdMicrocents) return `${value} ${unit}`;
  const text = formatDecimal(value < 0n ? -value : value, usdScale);
  return `${value < 0n ? "-" : ""}$${text}`;
}

/**
 * The amount that a text names: `"$5.00"` and `"USD:5.00"` in dollars, `"TOKENS:1200"` and `"1200 TOKENS"` in a unit of
 * another name. Reads what `formatAmount` writes.
 * @throws ValidationError for text that names no amount, and as `usd` and `amount`.
 * @example
 * const limit = parseAmount("$5.00");
 */
export function parseAmount(text: string): Amount {
  const given = typeof text === "string" ? text.trim() : "";
  const dollars = /^(-?)\$\s?(.+)$/.exec(given);
  if (dollars) return usd(`${dollars[1]}${dollars[2]}`);
  const [, prefix, before, after, suffix] = /^(?:([A-Za-z_]\w*):(.+)|(-?[\d.]+) ([A-Za-z_]\w*))$/.exec(given) ?? [];
  const [unit, value] = [prefix ?? suffix, before ?? after];
  if (unit === undefined || value === undefined) {
    throw invalid("text", `"${shorten(text)}" is no amount; write "$5.00", "USD:5.00" or "TOKENS:1200"`);
  }
  return unit === "USD" ? usd(value) : amount(unit, value);
}

/** -1, 0 or 1. @throws ValidationError when the units differ. */
export function compareAmounts(left: Amount, right: Amount): -1 | 0 | 1 {
  sameUnit(left, right);
  if (left.amount === right.amount) return 0;
  return left.amount < right.amount ? -1 : 1;
}

/** @throws ValidationError when the units differ. */
export function addAmounts(left: Amount, right: Amount): Amount {
  sameUnit(left, right);
  return { unit: left.unit, amount: left.amount + right.amount };
}

/** May be negative. @throws ValidationError when the units differ. */
export function subtractAmounts(left: Amount, right: Amount): Amount {
  sameUnit(left, right);
  return { unit: left.unit, amount: left.amount - right.amount };
}

/** Checks that a value from outside the type system is an `Amount`. @throws ValidationError naming `field`. */
export function assertAmount(value: unknown, field: string): asserts value is Amount {
  const candidate = value as Partial<Amount> | null | undefined;
  if (typeof candidate !== "object" || candidate === null) {
    throw invalid(field, 'is not an amount; write usd("0.05") or tokens(1200)');
  }
  if (typeof candidate.unit !== "string" || candidate.unit === "") throw invalid(`${field}/unit`, "is not a unit name");
  if (typeof candidate.amount !== "bigint") {
    throw invalid(`${field}/amount`, 'is not a bigint; build amounts with usd("0.05") or tokens(1200)');
  }
}

function sameUnit(left: Amount, right: Amount): void {
  if (left.unit !== right.unit) throw invalid("unit", `${left.unit} and ${right.unit} do not mix; convert one first`);
}

function toInteger(value: bigint | number | string, field: string, remedy = "pass a bigint or a whole number"): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return BigInt(value);
    throw invalid(field, `${value} is not a safe integer; ${remedy}`);
  }
  const parsed = typeof value === "string" ? parseDecimal(value, 0) : "syntax";
  if (typeof parsed === "bigint") return parsed;
  throw invalid(field, `"${shorten(value)}" is not a whole number; ${remedy}`);
}

/** For messages; takes whatever a caller without types passed. */
function shorten(value: unknown): string {
  const text = String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function invalid(field: string, message: string): ValidationError {
  return new ValidationError("amount", [{ pointer: `/${field}`, message }]);
}
