import { ResponseFormatError } from "../errors/transport-errors.ts";

/** Parsed JSON in which an integer beyond 2^53 - 1 is a bigint. */
export type ExactJson = null | boolean | number | bigint | string | ExactJson[] | { [key: string]: ExactJson };

const integerToken = /^-?\d+$/;

/** Sixteen digits in a row are the least that an integer beyond 2^53 - 1 can have. */
const leastDigits = 16;

/**
 * Parses JSON without losing an integer: one that a double cannot hold exactly becomes a bigint, every other value is
 * what `JSON.parse` gives. Not for hashing signed material: use `parseStrictJson` of `@imprest/core/audit` there.
 * @throws SyntaxError for text that is not JSON.
 */
export function parseJson(text: string): ExactJson {
  // The reviver costs far more than the parse, and almost no text needs it.
  if (!mayHoldLargeInteger(text)) return JSON.parse(text) as ExactJson;
  return JSON.parse(text, reviveInteger) as ExactJson;
}

/** Any run of so many digits covers a place that is a multiple of their number: only those places need a look. */
function mayHoldLargeInteger(text: string): boolean {
  for (let at = leastDigits - 1; at < text.length; at += leastDigits) {
    if (!isDigit(text, at)) continue;
    let start = at;
    let end = at + 1;
    while (isDigit(text, start - 1)) start -= 1;
    while (isDigit(text, end)) end += 1;
    if (end - start >= leastDigits) return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function reviveInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  if (context?.source === undefined) {
    throw new ResponseFormatError(
      "This runtime's JSON.parse gives no source text, so a large integer cannot be read exactly; use a newer runtime.",
    );
  }
  return integerToken.test(context.source) ? BigInt(context.source) : value;
}

/**
 * Writes JSON with every bigint as a plain integer literal. Otherwise as `JSON.stringify`: `undefined` members are
 * left out, `toJSON` is honoured.
 * @throws TypeError for a value JSON cannot hold: NaN, an infinity, a function, a symbol, a cycle.
 */
export function stringifyJson(value: unknown): string {
  return write(value, 0) ?? "null";
}

/** Deeper than anything a wire carries; beyond it a value is taken to contain itself. */
const deepest = 500;

/** Characters that may not stand between quotes as they are: quote, backslash, controls, surrogates (a pair may). */
// oxlint-disable-next-line no-control-regex -- controls are what is looked for; by code unit, because `\p` is slow.
const escaped = /["\\\u0000-\u001f\u007f-\u009f\ud800-\udfff]/;

function quote(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Names of members as they are written: a wire has few, and each is written thousands of times a second. */
const memberNames = new Map<string, string>();
/** Beyond so many names, which are somebody's metadata, a name is quoted each time. */
const mostNames = 1_000;

function memberName(key: string): string {
  const known = memberNames.get(key);
  if (known !== undefined) return known;
  const name = `${quote(key)}:`;
  if (memberNames.size < mostNames && key.length <= 64) memberNames.set(key, name);
  return name;
}

/** `undefined` where `JSON.stringify` leaves a member out. */
function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return value.toString();
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be written as JSON.`);
      return String(value);
    case "undefined":
      return undefined;
    case "object":
      return value === null ? "null" : writeObject(value, depth);
    default:
      throw new TypeError(`A ${typeof value} cannot be written as JSON.`);
  }
}

function writeObject(value: object, depth: number): string | undefined {
  if (depth > deepest) {
    throw new TypeError(`A value that contains itself, or is nested over ${deepest} deep, cannot be written as JSON.`);
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return write(value.toJSON(), depth + 1);
  let text = "";
  if (Array.isArray(value)) {
    for (const item of value) text += `${text && ","}${write(item, depth + 1) ?? "null"}`;
    return `[${text}]`;
  }
  const members = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(members)) {
    const written = write(members[key], depth + 1);
    if (written === undefined) continue;
    text += `${text && ","}${memberName(key)}${written}`;
  }
  return `{${text}}`;
}
