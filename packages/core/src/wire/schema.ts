import * as z from "zod/mini";
import { isInt64 } from "../amount/int64.ts";
import { ValidationError, type ValidationIssue } from "../errors/local-errors.ts";
import { pointerOf } from "./pointer.ts";

/** A schema as this code base uses it: checks a wire value and hands it out typed, unknown members kept. */
export type WireSchema<Value> = z.ZodMiniType<Value>;

/**
 * Checks `value` against `schema`.
 * @param subject what is being checked, for the message ("reserve request").
 * @throws ValidationError listing each issue with its JSON pointer; received values are not repeated.
 */
export function parseWire<Value>(schema: WireSchema<Value>, value: unknown, subject: string): Value {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ValidationError(subject, issuesOf(result.error));
}

/** Zod's issues with RFC 6901 pointers; the branches of a union are folded into one line. */
export function issuesOf(error: z.core.$ZodError): ValidationIssue[] {
  return error.issues.map(({ path, message }) => ({ pointer: pointerOf(path), message }));
}

function toInt64(value: unknown): bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === "bigint" && isInt64(value) ? value : undefined;
}

/** A JSON integer within int64, handed out as a bigint. */
export const int64: WireSchema<bigint> = z.pipe(
  z.custom<number | bigint>((value) => toInt64(value) !== undefined, "must be a whole number within int64"),
  z.transform((value) => BigInt(value)),
);
