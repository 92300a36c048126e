import { boundedText, flag, oneOf, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, list, object, optional, refined } from "../../wire/shape.ts";
import { idempotencyKey } from "./decision.ts";
import { instant } from "./instant.ts";
import { type ReservationStatus, type ReservationSummary, reservationSummary } from "./reservation-record.ts";

/** One page of reservations (Cycles §ReservationListResponse). */
export interface ReservationListResponse {
  readonly reservations: readonly ReservationSummary[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const reservationListResponse: Shape<ReservationListResponse> = object({
  reservations: list(reservationSummary),
  next_cursor: optional(text),
  has_more: optional(flag),
});

/** What a list can be ordered by (Cycles §listReservations). */
export type ReservationSortKey = (typeof reservationSortKeys)[number];

export const reservationSortKeys = [
  "reservation_id",
  "tenant",
  "scope_path",
  "status",
  "reserved",
  "created_at_ms",
  "expires_at_ms",
] as const;

/** Which reservations, in what order (Cycles §listReservations). Windows are inclusive ISO 8601 instants. */
export interface ReservationListQuery {
  readonly idempotency_key?: string | undefined;
  readonly status?: ReservationStatus | undefined;
  readonly tenant?: string | undefined;
  readonly workspace?: string | undefined;
  readonly app?: string | undefined;
  readonly workflow?: string | undefined;
  readonly agent?: string | undefined;
  readonly toolset?: string | undefined;
  /** Bounds on `created_at_ms`. An empty text is no bound. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly expires_from?: string | undefined;
  readonly expires_to?: string | undefined;
  /** Rows that are not finalized never match. */
  readonly finalized_from?: string | undefined;
  readonly finalized_to?: string | undefined;
  readonly sort_by?: ReservationSortKey | undefined;
  readonly sort_dir?: "asc" | "desc" | undefined;
  /** Heavy members to add to each row: `metadata`, `committed_metadata`, `evidence`; others are ignored. */
  readonly include?: readonly string[] | undefined;
  /** 1 to 200; 50 when absent. */
  readonly limit?: number | undefined;
  /** From the page before. A cursor of a sorted list holds its filters: keep them. */
  readonly cursor?: string | undefined;
}

const level = optional(boundedText(128));

const members: Shape<ReservationListQuery> = closedObject({
  idempotency_key: optional(idempotencyKey),
  status: optional(boundedText(64)),
  tenant: level,
  workspace: level,
  app: level,
  workflow: level,
  agent: level,
  toolset: level,
  from: optional(instant),
  to: optional(instant),
  expires_from: optional(instant),
  expires_to: optional(instant),
  finalized_from: optional(instant),
  finalized_to: optional(instant),
  sort_by: optional(oneOf(reservationSortKeys)),
  sort_dir: optional(oneOf(["asc", "desc"])),
  include: optional(list(boundedText(64))),
  limit: optional(wholeNumber(1, 200)),
  cursor: optional(boundedText(4096)),
});

const windows = [
  ["from", "to"],
  ["expires_from", "expires_to"],
  ["finalized_from", "finalized_to"],
] as const;

export const reservationListQuery: Shape<ReservationListQuery> = windows.reduce(
  (shape, [from, to]) =>
    refined(shape, (query) => isOrdered(query[from], query[to]), `has ${from} after ${to}; swap them`),
  members,
);

function isOrdered(from = "", to = ""): boolean {
  return from.trim() === "" || to.trim() === "" || Date.parse(from) <= Date.parse(to);
}
