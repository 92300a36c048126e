import { $ZodObjectJIT, $constructor } from "zod/v4/core";
import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";

// The building blocks of every model in this folder. Zod's own messages are left out of the bundle by `zod/mini`,
// so each block says by itself what it wants.

/** Response text: any string. */
export const text: WireSchema<string> = z.string("must be text");

/** Response flag. */
export const flag: WireSchema<boolean> = z.boolean("must be true or false");

/** Free-form JSON members (`metadata`, `details`, `custom`). */
export const jsonObject: WireSchema<Record<string, unknown>> = z.record(
  z.string(),
  z.unknown(),
  "must be a JSON object",
);

/** Response list of texts. */
export const texts: WireSchema<string[]> = z.array(text, "must be a list");

/**
 * A duration, an instant or a count in a response: a whole number, zero or more. One that a double cannot hold
 * ("no limit" as the largest int64) is read as 2^53 - 1, which no clock and no counter ever reaches.
 */
export const count: WireSchema<number> = z.transform((value, context) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  // `parseJson` hands out a bigint only where a double would lose digits.
  if (typeof value === "bigint" && value >= 0n) return Number.MAX_SAFE_INTEGER;
  context.issues.push({ code: "custom", message: "must be a whole number, zero or more", input: value });
  return z.NEVER;
});

/** Request text of `least` to `most` characters (code points, as JSON Schema counts them). */
export function boundedText(most: number, least = 0): WireSchema<string> {
  const range = least === 0 ? `at most ${most}` : `${least} to ${most}`;
  return z
    .string("must be text")
    .check(z.refine((value) => value.length >= least && isAtMost(value, most), `must have ${range} characters`));
}

function isAtMost(value: string, most: number): boolean {
  return value.length <= most || (value.length <= 2 * most && Array.from(value).length <= most);
}

/** Request text that follows a pattern. */
export function patternedText(pattern: RegExp, most: number, message: string): WireSchema<string> {
  return z.string("must be text").check(z.refine((value) => value.length <= most && pattern.test(value), message));
}

/** Request number: whole, within a range. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): WireSchema<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  return z.custom<number>(
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
    `must be a whole number, ${range}`,
  );
}

/** Request word out of a closed list. */
export function oneOf<const Word extends string>(words: readonly Word[]): WireSchema<Word> {
  return z.enum(words as readonly [Word, ...Word[]], `must be one of ${words.join(", ")}`);
}

type Shape = z.core.$ZodShape;

interface ObjectDefinition {
  readonly type: "object";
  readonly shape: Shape;
  /** Asked about each member that the shape does not name. */
  readonly catchall: z.core.$ZodType;
  readonly error: (issue: { readonly code?: string; readonly keys?: readonly string[] }) => string;
}

const traits: readonly { init(instance: never, definition: never): void }[] = [$ZodObjectJIT, z.ZodMiniType];

/** As zod/mini's own object, but checked by code compiled for its shape where the runtime allows that: several times faster. */
const CompiledObject = $constructor("ZodMiniObject", (instance, definition) => {
  for (const trait of traits) trait.init(instance as never, definition as never);
}) as unknown as new (definition: ObjectDefinition) => unknown;

/** A request object: a member that the spec does not know is refused (`additionalProperties: false`). */
export function requestObject<const Members extends Shape>(members: Members): z.ZodMiniObject<Members, z.core.$strict> {
  return new CompiledObject({
    type: "object",
    shape: members,
    catchall: z.never(),
    error: ({ code, keys = [] }) =>
      code === "unrecognized_keys"
        ? `has members that the protocol does not know (${keys.slice(0, 5).map(shorten).join(", ")}); remove them`
        : "must be a JSON object",
  }) as z.ZodMiniObject<Members, z.core.$strict>;
}

/** A response object: members that this version does not know are kept as they came. */
export function responseObject<const Members extends Shape>(members: Members): z.ZodMiniObject<Members, z.core.$loose> {
  const error = () => "must be a JSON object";
  return new CompiledObject({ type: "object", shape: members, catchall: z.unknown(), error }) as z.ZodMiniObject<
    Members,
    z.core.$loose
  >;
}

function shorten(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}

/** A list in a response. */
export function listOf<Item>(item: WireSchema<Item>): WireSchema<Item[]> {
  return z.array(item, "must be a list");
}
