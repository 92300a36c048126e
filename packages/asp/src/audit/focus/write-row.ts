import { type FocusColumn, type FocusRow, focusColumns } from "./columns.ts";

/** A row as CSV (RFC 4180), without a line end; `null` is an empty field. */
export function focusCsvLine(row: FocusRow, columns: readonly FocusColumn[] = focusColumns): string {
  return columns.map((column) => csvField(row[column])).join(",");
}

/** The header line of the CSV form. */
export function focusCsvHeader(columns: readonly FocusColumn[] = focusColumns): string {
  return columns.join(",");
}

/** A row as one line of JSON. */
export function focusJsonLine(row: FocusRow, columns: readonly FocusColumn[] = focusColumns): string {
  return JSON.stringify(Object.fromEntries(columns.map((column) => [column, row[column]])));
}

function csvField(value: string | null): string {
  if (value === null) return "";
  // A field that a spreadsheet would run as a formula is made text; numbers keep their sign.
  const safe = /^[=+@\t\r]|^-(?![\d.]+$)/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
