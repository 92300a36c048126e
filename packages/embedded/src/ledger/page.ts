import { type ExactJson, base64url, parseBase64url, parseJson, stringifyJson, utf8 } from "@imprest/core/internal";
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

/** Bytes of rows on one page, which others wait for while it is written; a page has one row at least, however large. */
const mostPageBytes = 131_072;

/**
 * Orders rows and cuts out one page after the cursor's row. A cursor is bound to the filter that it was made under
 * (Cycles §listReservations, cursor invalidation) and holds a position, not an offset: rows that come or go between
 * two pages shift nothing.
 * @throws LedgerRefusal INVALID_REQUEST for a limit out of range, and a cursor that is not one or of another filter.
 */
export function pageOf<Row>(
  rows: Iterable<Row>,
  positionOf: (row: Row) => Position,
  order: {
    readonly descending: boolean;
    readonly filter: unknown;
    /** About how many bytes a row takes where it is shown; a small number that is left out where all are small. */
    readonly bytesOf?: ((row: Row) => number) | undefined;
  },
  { limit = 50, cursor }: PageRequest,
): Page<Row> {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 200) throw invalid("limit must be from 1 to 200.");
  const filter = fingerprint(order.filter);
  const after = cursor === undefined ? undefined : readCursor(cursor, filter);
  const sign = order.descending ? -1 : 1;
  const first = new FirstInOrder<{ readonly row: Row; readonly position: Position }>(
    limit + 1,
    (one, other) => sign * compare(one.position, other.position),
  );
  for (const row of rows) {
    const position = positionOf(row);
    if (after === undefined || sign * compare(position, after) > 0) first.offer({ row, position });
  }
  const cut = fitting(first.kept.slice(0, limit), order.bytesOf);
  const last = cut.at(-1);
  const nextCursor =
    first.kept.length > cut.length && last !== undefined ? writeCursor(last.position, filter) : undefined;
  return { rows: cut.map(({ row }) => row), nextCursor };
}

/** The first rows that a page has room for. */
function fitting<Row>(
  rows: readonly { readonly row: Row; readonly position: Position }[],
  bytesOf: ((row: Row) => number) | undefined,
): readonly { readonly row: Row; readonly position: Position }[] {
  if (bytesOf === undefined) return rows;
  let bytes = 0;
  const end = rows.findIndex(({ row }, at) => (bytes += bytesOf(row)) > mostPageBytes && at > 0);
  return end === -1 ? rows : rows.slice(0, end);
}

/** Keeps the first few of many in order, so that a page out of 100,000 rows costs one look at each and no sort. */
class FirstInOrder<Item> {
  readonly kept: Item[] = [];
  readonly #most: number;
  readonly #compare: (one: Item, other: Item) => number;

  constructor(most: number, compare: (one: Item, other: Item) => number) {
    this.#most = most;
    this.#compare = compare;
  }

  offer(item: Item): void {
    const last = this.kept[this.#most - 1];
    if (last !== undefined && this.#compare(item, last) >= 0) return;
    let low = 0;
    let high = this.kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.kept[middle];
      if (other !== undefined && this.#compare(item, other) < 0) high = middle;
      else low = middle + 1;
    }
    this.kept.splice(low, 0, item);
    if (this.kept.length > this.#most) this.kept.pop();
  }
}

/** By relation only: a bigint that went through a cursor comes back as a number, which is never identical to it. */
function compare([value, identity]: Position, [otherValue, otherIdentity]: Position): number {
  if (value < otherValue) return -1;
  if (value > otherValue) return 1;
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
