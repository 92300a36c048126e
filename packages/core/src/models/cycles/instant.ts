import { type Shape, leaf } from "../../wire/shape.ts";

/** An ISO 8601 date-time with an offset; a blank text is no bound (Cycles §listReservations). */
export const instant: Shape<string> = leaf(
  isInstant,
  'must be an ISO 8601 date-time with an offset, such as "2026-01-31T00:00:00Z"',
  { type: "string", format: "date-time" },
);

function isInstant(value: unknown): boolean {
  if (typeof value !== "string") return false;
  if (value.trim() === "") return true;
  const shape = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
  return shape.test(value) && !Number.isNaN(Date.parse(value));
}
