import { type Shape, refined } from "../../wire/shape.ts";
import { text } from "./fields.ts";

/** Request text: an ISO 8601 date-time with an offset; a blank one is no bound (Cycles §listReservations). */
export const instant: Shape<string> = refined(
  text,
  isInstant,
  'must be an ISO 8601 date-time with an offset, such as "2026-01-31T00:00:00Z"',
);

function isInstant(value: string): boolean {
  if (value.trim() === "") return true;
  const shape = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
  return shape.test(value) && !Number.isNaN(Date.parse(value));
}
