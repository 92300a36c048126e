import { ValidationError } from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";

// The Unicode property White_Space, as the Python guard's model strips it. `trim()` differs: it takes U+FEFF too and
// leaves U+0085, so that two workers would derive two keys from one mandate.
const leading = /^\p{White_Space}+/u;
const trailing = /\p{White_Space}+$/u;

/** `text` without white space at its ends. */
export function strip(text: string): string {
  return text.replace(leading, "").replace(trailing, "");
}

/** Length in code points, as the Python guard counts. */
export function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** The longest beginning of `text` with at most `most` UTF-16 units, which is how the server counts, in whole characters. */
export function shorten(text: string, most: number): string {
  let kept = "";
  for (const character of text) {
    if (kept.length + character.length > most) break;
    kept += character;
  }
  return kept;
}

/**
 * `value` stripped, as text of `least` to `most` code points.
 * @throws ValidationError naming `field`: another type, another length, or a lone surrogate, which has no UTF-8 form, so
 * that different ids would become one.
 */
export function boundedText(subject: string, field: string, value: unknown, least: number, most: number): string {
  const fail = (message: string): ValidationError => new ValidationError(subject, [{ pointer: `/${field}`, message }]);
  if (typeof value !== "string") throw fail("must be text");
  if (!value.isWellFormed()) throw fail("holds a lone surrogate");
  const stripped = strip(value);
  const length = lengthOf(stripped);
  if (length < least) throw fail(`must have at least ${least} characters`);
  if (length > most) throw fail(`must have at most ${most} characters`);
  return stripped;
}

/** Of a value as JSON, in UTF-8. */
export function bytesOf(value: unknown): number {
  return new TextEncoder().encode(stringifyJson(value)).length;
}
