import { isInt64 } from "../amount/int64.ts";
import { type LeafSchema, type Shape, converted, isJsonObject, leaf, list, tolerant } from "./shape.ts";

// The leaves that every wire is made of. Each says by itself what it wants.

const isText = (value: unknown): boolean => typeof value === "string";

/** Any text. */
export const text: Shape<string> = /* @__PURE__ */ leaf(isText, "must be text", { type: "string" });

/** Text of one character or more. */
export const nonEmpty: Shape<string> = /* @__PURE__ */ leaf(
  (value) => isText(value) && value !== "",
  "must be text, not empty",
  {
    type: "string",
    minLength: 1,
  },
);

export const flag: Shape<boolean> = /* @__PURE__ */ leaf(
  (value) => typeof value === "boolean",
  "must be true or false",
  {
    type: "boolean",
  },
);

/** Free-form JSON members (`metadata`, `details`, `custom`). */
export const jsonObject: Shape<Record<string, unknown>> = /* @__PURE__ */ leaf(isJsonObject, "must be a JSON object", {
  type: "object",
});

/** What nobody but the caller looks into. */
export const anything: Shape<unknown> = /* @__PURE__ */ leaf(() => true, "", {});

export const texts: Shape<string[]> = /* @__PURE__ */ list(text);

/** A finite number, of at least `least`. */
/* @__NO_SIDE_EFFECTS__ */
export function number(least: number = Number.NEGATIVE_INFINITY): Shape<number> {
  return leaf(
    (value) => typeof value === "number" && Number.isFinite(value) && value >= least,
    least < 0 ? "must be a number" : `must be a number, ${least} or more`,
    { type: "number", minimum: least },
  );
}

/** A whole number within a range. */
/* @__NO_SIDE_EFFECTS__ */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return leaf(
    (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most,
    `must be a whole number, ${most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`}`,
    { type: "integer", minimum: least, maximum: most },
  );
}

/**
 * A duration, an instant or a count in an answer: a whole number, zero or more. One that a double cannot hold
 * ("no limit" as the largest int64) is read as 2^53 - 1, which no clock and no counter ever reaches.
 */
export const count: Shape<number> = /* @__PURE__ */ converted(
  (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    // `parseJson` hands out a bigint only where a double would lose digits.
    return typeof value === "bigint" && value >= 0n ? Number.MAX_SAFE_INTEGER : undefined;
  },
  "must be a whole number, zero or more",
  { type: "integer", minimum: 0 },
);

/* @__NO_SIDE_EFFECTS__ */
function int64From(least: number, message: string, schema: LeafSchema): Shape<bigint> {
  const convert = (value: unknown): bigint | undefined => {
    if (typeof value === "number") return Number.isSafeInteger(value) && value >= least ? BigInt(value) : undefined;
    return typeof value === "bigint" && isInt64(value) && value >= least ? value : undefined;
  };
  return converted(convert, message, { type: "integer", format: "int64", ...schema });
}

/** A JSON integer within int64, handed out as a bigint. */
export const int64: Shape<bigint> = /* @__PURE__ */ int64From(
  Number.NEGATIVE_INFINITY,
  "must be a whole number within int64",
  {},
);

/** As `int64`, zero or more. */
export const unsigned: Shape<bigint> = /* @__PURE__ */ int64From(
  0,
  "must be a whole number within int64, not negative",
  {
    minimum: 0,
  },
);

/** Text of `least` to `most` characters (code points, as JSON Schema counts them). */
/* @__NO_SIDE_EFFECTS__ */
export function boundedText(most: number, least = 0): Shape<string> {
  const range = least === 0 ? `at most ${most}` : `${least} to ${most}`;
  return leaf(
    (value) => typeof value === "string" && value.length >= least && isAtMost(value, most),
    `must have ${range} characters`,
    { type: "string", minLength: least, maxLength: most },
  );
}

function isAtMost(value: string, most: number): boolean {
  return value.length <= most || (value.length <= 2 * most && Array.from(value).length <= most);
}

/** Text that follows a pattern; `most` bounds what the pattern is tried on. */
/* @__NO_SIDE_EFFECTS__ */
export function patternedText(pattern: RegExp, most: number, message: string): Shape<string> {
  return leaf((value) => typeof value === "string" && value.length <= most && pattern.test(value), message, {
    type: "string",
    pattern: pattern.source,
    maxLength: most,
  });
}

/** Lower-case hex of a fixed length: the digest of something, or its trace. */
/* @__NO_SIDE_EFFECTS__ */
export function hexDigits(length: number): Shape<string> {
  const pattern = new RegExp(`^[0-9a-f]{${length}}$`);
  return leaf((value) => typeof value === "string" && pattern.test(value), `must be ${length} lower-case hex digits`, {
    type: "string",
    pattern: pattern.source,
  });
}

/** A word out of a closed list. */
/* @__NO_SIDE_EFFECTS__ */
export function oneOf<const Word extends string>(words: readonly Word[]): Shape<Word> {
  return leaf((value) => words.some((word) => word === value), `must be one of ${words.join(", ")}`, {
    type: "string",
    enum: words,
  });
}

/** A word out of an open list: any text is read, for a later version may know more; only words of the list are written. */
/* @__NO_SIDE_EFFECTS__ */
export function openOneOf<const Word extends string>(words: readonly Word[]): Shape<Word | (string & {})> {
  return loose<string>(oneOf(words));
}

/** Text of which the protocol says more than a reader holds it to: any is read, and what is written fits `written`. */
/* @__NO_SIDE_EFFECTS__ */
export function loose<Text extends string>(written: Shape<Text>): Shape<Text> {
  return tolerant(written, text as Shape<Text>);
}
