import type * as z from "zod/mini";
import { ValidationError, type ValidationIssue } from "../errors/local-errors.ts";
import { mostIssues, shortened, shortenedMessage } from "./bounds.ts";
import { pointerOf } from "./pointer.ts";

/** A published schema: checks a wire value and hands it out typed, unknown members kept. */
export type WireSchema<Value> = z.ZodMiniType<Value>;

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

/**
 * The first twenty issues with RFC 6901 pointers, the sender's own words cut short; zod folds the branches of a union
 * into one line.
 */
export function issuesOf(error: { readonly issues: readonly WireIssue[] }): ValidationIssue[] {
  return error.issues.slice(0, mostIssues).map(({ path, message }) => ({
    pointer: pointerOf(path.map((part) => (typeof part === "string" ? shortened(part) : part))),
    message: shortenedMessage(message),
  }));
}
