import { type OptionalShape, type Shape, isJsonObject, leaf, object, optional } from "../../wire/shape.ts";

// The building blocks of the mandates.

export const text: Shape<string> = leaf((value) => typeof value === "string", "must be text");

export const optionalText: OptionalShape<string> = optional(text);

/** The `vct` of one type of mandate. */
/* @__NO_SIDE_EFFECTS__ */
export function typed<const Name extends string>(name: Name): Shape<Name> {
  return leaf((value) => value === name, `must be ${name}`);
}

/** Seconds since the epoch (RFC 7519 §2, NumericDate). */
const numericDate: Shape<number> = leaf(
  (value) => typeof value === "number" && Number.isFinite(value) && value >= 0,
  "must be seconds since the epoch",
);

export const optionalNumericDate: OptionalShape<number> = optional(numericDate);

/** The key that a mandate is bound to (RFC 7800 §3.2). */
export const confirmation: Shape<{ readonly jwk: Readonly<Record<string, unknown>> }> = object({
  jwk: leaf<Readonly<Record<string, unknown>>>(isJsonObject, "must be a JWK"),
});
