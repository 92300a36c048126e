import { UsageError, type Values, textOf } from "../command.ts";

/** The day whose prices count: `--date`, else today in UTC. @throws UsageError for what is no date. */
export function dayOf(values: Values): string {
  const given = textOf(values, "date");
  if (given === undefined) return new Date().toISOString().slice(0, 10);
  if (/^\d{4}-\d{2}-\d{2}$/.test(given) && !Number.isNaN(Date.parse(given))) return given;
  throw new UsageError("--date is a day, such as 2026-11-28.");
}
