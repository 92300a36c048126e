import { jsonObject, number, text } from "../../wire/leaves.ts";
import { type OptionalShape, type Shape, object, optional } from "../../wire/shape.ts";

// The building blocks of the mandates.

export const optionalText: OptionalShape<string> = optional(text);

/** Seconds since the epoch (RFC 7519 §2, NumericDate). */
export const optionalNumericDate: OptionalShape<number> = optional(number(0));

/** The key that a mandate is bound to (RFC 7800 §3.2). */
export const confirmation: Shape<{ readonly jwk: Readonly<Record<string, unknown>> }> = object({ jwk: jsonObject });
