import type { StrictJsonCode } from "./strict-json-error.ts";

/** A number token, or what is wrong with it. */
export interface NumberToken {
  readonly value: number;
  /** Offset after the token. */
  readonly end: number;
  readonly problem?: { readonly code: StrictJsonCode; readonly message: string } | undefined;
}

const numberToken = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** No integer of so few digits is beyond 2^53 - 1. */
const alwaysExactDigits = 15;

/**
 * Reads the number at `at` (RFC 8259 §6).
 * @param exact refuses a token whose value the double changes, see `StrictJsonOptions.numbers`.
 */
export function parseNumber(text: string, at: number, exact: boolean): NumberToken {
  let end = at;
  let code = text.charCodeAt(end);
  while (code >= 0x30 && code <= 0x39) code = text.charCodeAt((end += 1));
  // A short plain integer, nearly every number there is.
  const plain = code !== 0x2e && code !== 0x65 && code !== 0x45 && end > at;
  if (plain && end - at <= alwaysExactDigits && (end - at === 1 || text.charCodeAt(at) !== 0x30)) {
    return { value: Number(text.slice(at, end)), end };
  }
  return parseAnyNumber(text, at, exact);
}

function parseAnyNumber(text: string, at: number, exact: boolean): NumberToken {
  numberToken.lastIndex = at;
  const match = numberToken.exec(text);
  if (match === null) return broken(at);
  const [token, fraction, exponent] = match;
  const end = at + token.length;
  // `01`, `1.`, `1e` and `-01` leave characters that can only belong to a number.
  if (/[\d.eE+-]/.test(text.charAt(end))) return broken(at);
  const value = Number(token);
  if (!Number.isFinite(value)) {
    return { value, end, problem: { code: "number_overflow", message: "A number is too large for a double" } };
  }
  return {
    value,
    end,
    problem: exact ? loss(token, value, fraction === undefined && exponent === undefined) : undefined,
  };
}

function broken(at: number): NumberToken {
  return { value: 0, end: at, problem: { code: "syntax", message: "A number is malformed" } };
}

/** How reading `token` as `value` would change it, if it does. A fraction is rounded by its nature and passes. */
function loss(token: string, value: number, isInteger: boolean): NumberToken["problem"] {
  if (value === 0) {
    if (/[1-9]/.test(token.replace(/[eE].*/, ""))) {
      return { code: "number_underflow", message: "A number is too small for a double" };
    }
    return token.startsWith("-") ? { code: "negative_zero", message: "A number is minus zero" } : undefined;
  }
  if (Number.isSafeInteger(value) || !Number.isInteger(value)) return undefined;
  const kept = isInteger ? BigInt(token) === BigInt(value) : decimal(token) === decimal(String(value));
  if (kept) return undefined;
  return { code: "inexact_integer", message: "A double would change an integer" };
}

/** One spelling for each decimal value: `120e1`, `1.2E+3` and `1200` alike give `12e2`. */
function decimal(token: string): string {
  const [mantissa = "", exponent = "0"] = token.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = `${whole}${fraction}`.replace(/^(-?)0+/, "$1");
  const significant = digits.replace(/0+$/, "");
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
