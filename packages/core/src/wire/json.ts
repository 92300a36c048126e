import { ResponseFormatError } from "../errors/transport-errors.ts";

/** Parsed JSON in which an integer beyond 2^53 - 1 is a bigint. */
export type ExactJson = null | boolean | number | bigint | string | ExactJson[] | { [key: string]: ExactJson };

/** Sixteen digits in a row are the least that an integer beyond 2^53 - 1 can have. */
const mayHoldLargeInteger = /\d{16}/;
const integerToken = /^-?\d+$/;

/**
 * Parses JSON without losing an integer: one that a double cannot hold exactly becomes a bigint, every other value is
 * what `JSON.parse` gives. Not for hashing signed material: use `parseStrictJson` of `@imprest/core/audit` there.
 * @throws SyntaxError for text that is not JSON.
 */
export function parseJson(text: string): ExactJson {
  // The reviver costs far more than the parse, and almost no text needs it.
  if (!mayHoldLargeInteger.test(text)) return JSON.parse(text) as ExactJson;
  return JSON.parse(text, reviveInteger) as ExactJson;
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

/** No message of these protocols nests deeper; a value that contains itself does. */
const deepest = 500;

/**
 * Writes JSON with every bigint as a plain integer literal. Otherwise as `JSON.stringify`: `undefined` members are
 * left out, `toJSON` is honoured.
 * @throws TypeError for a value JSON cannot hold: NaN, an infinity, a function, a symbol, a value that contains itself.
 */
export function stringifyJson(value: unknown): string {
  return write(value, 0) ?? "null";
}

/** `undefined` where `JSON.stringify` leaves a member out. */
function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
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
      return value === null ? "null" : writeObject(value, depth + 1);
    default:
      throw new TypeError(`A ${typeof value} cannot be written as JSON.`);
  }
}

function writeObject(value: object, depth: number): string | undefined {
  if (depth > deepest)
    throw new TypeError("A value that contains itself, or nests too deep, cannot be written as JSON.");
  if ("toJSON" in value && typeof value.toJSON === "function") return write(value.toJSON(), depth);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth) ?? "null").join(",")}]`;
  let text = "";
  for (const key of Object.keys(value)) {
    const written = write((value as Readonly<Record<string, unknown>>)[key], depth);
    if (written !== undefined) text += `${text === "" ? "" : ","}${writeKey(key)}:${written}`;
  }
  return `{${text}}`;
}

/** Most keys are plain words, which need no escaping. */
function writeKey(key: string): string {
  return /^\w+$/.test(key) ? `"${key}"` : JSON.stringify(key);
}
