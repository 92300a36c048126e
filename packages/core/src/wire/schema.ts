import { ValidationError, type ValidationIssue } from "../errors/local-errors.ts";
import { pointerOf } from "./pointer.ts";

/** One thing wrong with a value, and where. */
export interface WireIssue {
  readonly path: PropertyKey[];
  readonly message: string;
}

/** What became of a check. */
export type ParsedWire<Value> =
  | { readonly success: true; readonly data: Value }
  | { readonly success: false; readonly error: { readonly issues: readonly WireIssue[] } };

/** Whatever checks a wire value. */
export interface WireReader<Value> {
  /** The value as it is read, or the issues that keep it from being read. Never throws. */
  safeParse(value: unknown): ParsedWire<Value>;
}

/** Whatever writes one. */
export interface WireWriter<Value> {
  /** What stands on the wire for a value, or the issues that keep it from being written. Never throws. */
  safeWrite(value: Value): ParsedWire<unknown>;
}

/**
 * Checks `value` against `reader`.
 * @param subject what is being checked, for the message ("reserve request").
 * @throws ValidationError listing each issue with its JSON pointer; received values are not repeated.
 */
export function parseWire<Value>(reader: WireReader<Value>, value: unknown, subject: string): Value {
  return given(reader.safeParse(value), subject);
}

/** What stands on the wire for `value`. @throws ValidationError as `parseWire`. */
export function writeWire<Value>(writer: WireWriter<Value>, value: Value, subject: string): unknown {
  return given(writer.safeWrite(value), subject);
}

function given<Value>(result: ParsedWire<Value>, subject: string): Value {
  if (result.success) return result.data;
  throw new ValidationError(subject, issuesOf(result.error));
}

/** Issues with RFC 6901 pointers. */
export function issuesOf({ issues }: { readonly issues: readonly WireIssue[] }): ValidationIssue[] {
  return issues.map(({ path, message }) => ({ pointer: pointerOf(path), message }));
}
