import { type ExactJson, base64url, parseBase64url, parseJson, stringifyJson, utf8 } from "@imprest/core";
import { fingerprint } from "./fingerprint.ts";
import { LedgerRefusal } from "./refusal.ts";

/** Which part of a list to hand out. */
export interface PageRequest {
  /** 1 to 200; 50 when absent. */
  readonly limit?: number | undefined;
  /** From the page before, under the same filter. */
  readonly cursor?: string | undefined;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Present when there is more. */
  readonly nextCursor?: string | undefined;
}

/** Where a row stands in its order: the sorted value, then the identity that settles ties. */
export type Position = readonly [value: string | number | bigint, identity: string];

/**
 * Orders rows and cuts out one page after the cursor's row. A cursor is bound to the filter that it was made under
 * (Cycles §listReservations, cursor invalidation) and holds a position, not an offset: rows that come or go between
 * two pages shift nothing.
 * @throws LedgerRefusal INVALID_REQUEST for a limit out of range, and a cursor that is not one or of another filter.
 */
export function pageOf<Row>(
  rows: Iterable<Row>,
  positionOf: (row: Row) => Position,
  order: { readonly descending: boolean; readonly filter: unknown },
  { limit = 50, cursor }: PageRequest,
): Page<Row> {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 200) throw invalid("limit must be from 1 to 200.");
  const filter = fingerprint(order.filter);
  const after = cursor === undefined ? undefined : readCursor(cursor, filter);
  const sign = order.descending ? -1 : 1;
  const left = Array.from(rows, (row) => ({ row, position: positionOf(row) }))
    .filter(({ position }) => after === undefined || sign * compare(position, after) > 0)
    .sort((one, other) => sign * compare(one.position, other.position));
  const cut = left.slice(0, limit);
  const last = cut.at(-1);
  const nextCursor = left.length > limit && last !== undefined ? writeCursor(last.position, filter) : undefined;
  return { rows: cut.map(({ row }) => row), nextCursor };
}

function compare([value, identity]: Position, [otherValue, otherIdentity]: Position): number {
  if (value !== otherValue) return value < otherValue ? -1 : 1;
  if (identity === otherIdentity) return 0;
  return identity < otherIdentity ? -1 : 1;
}

function writeCursor(position: Position, filter: string): string {
  return base64url(utf8(stringifyJson([filter, ...position])));
}

function readCursor(cursor: string, filter: string): Position {
  const bytes = parseBase64url(cursor);
  let parsed: ExactJson = null;
  try {
    if (bytes !== undefined) parsed = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Falls through to the refusal: whatever it is, it is no cursor of ours.
  }
  if (!Array.isArray(parsed) || parsed.length !== 3) throw invalid("cursor is not one of this authority.");
  const [boundTo, value, identity] = parsed;
  if (boundTo !== filter) throw invalid("cursor belongs to another filter; start again without it.");
  const comparable = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
  if (!comparable || typeof identity !== "string") throw invalid("cursor is not one of this authority.");
  return [value, identity];
}

function invalid(message: string): LedgerRefusal {
  return new LedgerRefusal("INVALID_REQUEST", message);
}
