import { ValidationError } from "../errors/local-errors.ts";
import type { Cap } from "../authority/grant.ts";

/** The caps whose names are not in `honours`; a grant that carries one must not be used. */
export function unhonoured(caps: readonly Cap[], honours: readonly string[] | undefined): readonly Cap[] {
  return caps.filter(({ name }) => !honours?.includes(name));
}

/**
 * Applies a numeric cap: the smaller of `wanted` and what the authority allows.
 * @throws ValidationError when the cap is there but is no usable number: applying it wrongly would spend too much.
 */
export function capped(caps: readonly Cap[], name: string, wanted: number): number {
  const cap = caps.find((candidate) => candidate.name === name);
  if (cap === undefined) return wanted;
  const value = typeof cap.value === "bigint" ? Number(cap.value) : cap.value;
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw new ValidationError("caps", [{ pointer: `/${name}`, message: "is not a number of 0 or more" }]);
  }
  return Math.min(wanted, value);
}
