import { int64Max, isInt64 } from "../../amount/int64.ts";
import {
  type Members,
  type ObjectOf,
  type Shape,
  converted,
  isJsonObject,
  leaf,
  list,
  object,
  refined,
} from "../../wire/shape.ts";

// The building blocks of every model in this folder. Each says by itself what it wants.

/** Response text: any string. */
export const text: Shape<string> = leaf((value) => typeof value === "string", "must be text");

/** Response flag. */
export const flag: Shape<boolean> = leaf((value) => typeof value === "boolean", "must be true or false");

/** Free-form JSON members (`metadata`, `details`, `custom`). */
export const jsonObject: Shape<Record<string, unknown>> = leaf(isJsonObject, "must be a JSON object");

/** Response list of texts. */
export const texts: Shape<string[]> = list(text);

/**
 * A duration, an instant or a count in a response: a whole number, zero or more. One that a double cannot hold
 * ("no limit" as the largest int64) is read as 2^53 - 1, which no clock and no counter ever reaches.
 */
export const count: Shape<number> = converted((value) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  // `parseJson` hands out a bigint only where a double would lose digits.
  return typeof value === "bigint" && value >= 0n ? Number.MAX_SAFE_INTEGER : undefined;
}, "must be a whole number, zero or more");

function toInt64(value: unknown): bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "bigint" && isInt64(value) ? value : undefined;
}

/** A JSON integer within int64, handed out as a bigint. */
export const int64: Shape<bigint> = converted(toInt64, "must be a whole number within int64");

/** As `int64`, zero or more. */
export const unsigned: Shape<bigint> = converted((value) => {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
  return typeof value === "bigint" && value >= 0n && value <= int64Max ? value : undefined;
}, "must be a whole number within int64, not negative");

/** Request text of `least` to `most` characters (code points, as JSON Schema counts them). */
/* @__NO_SIDE_EFFECTS__ */
export function boundedText(most: number, least = 0): Shape<string> {
  const range = least === 0 ? `at most ${most}` : `${least} to ${most}`;
  return refined(text, (value) => value.length >= least && isAtMost(value, most), `must have ${range} characters`);
}

function isAtMost(value: string, most: number): boolean {
  return value.length <= most || (value.length <= 2 * most && Array.from(value).length <= most);
}

/** Request text that follows a pattern. */
/* @__NO_SIDE_EFFECTS__ */
export function patternedText(pattern: RegExp, most: number, message: string): Shape<string> {
  return refined(text, (value) => value.length <= most && pattern.test(value), message);
}

/** Request number: whole, within a range. */
/* @__NO_SIDE_EFFECTS__ */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  const isWithin = (value: unknown): boolean =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
  return leaf(isWithin, `must be a whole number, ${range}`);
}

/** Request word out of a closed list. */
/* @__NO_SIDE_EFFECTS__ */
export function oneOf<const Word extends string>(words: readonly Word[]): Shape<Word> {
  return leaf((value) => words.some((word) => word === value), `must be one of ${words.join(", ")}`);
}

/** A request object: a member that the spec does not know is refused (`additionalProperties: false`). */
/* @__NO_SIDE_EFFECTS__ */
export function requestObject<const Of extends Members>(members: Of): Shape<ObjectOf<Of>> {
  return object(members, true);
}

/** A response object: members that this version does not know are kept as they came. */
/* @__NO_SIDE_EFFECTS__ */
export function responseObject<const Of extends Members>(members: Of): Shape<ObjectOf<Of>> {
  return object(members);
}
