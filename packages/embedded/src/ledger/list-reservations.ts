import type { Subject } from "@imprest/core";
import { type Page, type PageRequest, type Position, pageOf } from "./page.ts";
import { LedgerRefusal } from "./refusal.ts";
import type { Reservation, ReservationStatus } from "./reservation.ts";
import { levels } from "./scopes.ts";
import type { LedgerState } from "./state.ts";

/** A closed interval of epoch milliseconds; either end may be open. */
export interface TimeWindow {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export const reservationSortKeys = [
  "reservation_id",
  "tenant",
  "scope_path",
  "status",
  "reserved",
  "created_at_ms",
  "expires_at_ms",
] as const;

export type ReservationSortKey = (typeof reservationSortKeys)[number];

export interface ListReservationsRequest extends PageRequest {
  readonly tenant: string;
  /** Levels that a reservation's subject must name with these values; `dimensions` are not looked at. */
  readonly subject?: Subject | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly status?: ReservationStatus | undefined;
  readonly created?: TimeWindow | undefined;
  readonly expires?: TimeWindow | undefined;
  /** Leaves out what has no finalized_at_ms: active and expired reservations. */
  readonly finalized?: TimeWindow | undefined;
  readonly sortBy?: ReservationSortKey | undefined;
  readonly sortDirection?: "asc" | "desc" | undefined;
}

/** A tenant's reservations, newest first unless told otherwise (Cycles §listReservations). */
export function listReservations(state: LedgerState, request: ListReservationsRequest): Page<Reservation> {
  state.begin();
  const { tenant, subject = {}, idempotencyKey, status, created, expires, finalized } = request;
  for (const window of [created, expires, finalized]) assertForward(window);
  const { sortBy = "created_at_ms", sortDirection = "desc" } = request;
  const wanted = levels.filter((level) => subject[level] !== undefined);
  const rows = candidates(state, tenant, idempotencyKey).filter(
    (reservation) =>
      reservation.tenant === tenant &&
      (status === undefined || reservation.status === status) &&
      wanted.every((level) => reservation.subject[level] === subject[level]) &&
      within(reservation.createdAtMs, created) &&
      within(reservation.expiresAtMs, expires) &&
      within(reservation.finalizedAtMs, finalized),
  );
  const filter = [
    tenant,
    wanted.map((level) => [level, subject[level]]),
    idempotencyKey,
    status,
    created,
    expires,
    finalized,
    sortBy,
    sortDirection,
  ];
  const order = { descending: sortDirection === "desc", filter };
  return pageOf(rows, (reservation) => positionOf(reservation, sortBy), order, request);
}

function candidates(state: LedgerState, tenant: string, idempotencyKey: string | undefined): Reservation[] {
  if (idempotencyKey === undefined) return [...state.reservations.values()];
  const outcome = state.memory.find(tenant, "reserve", idempotencyKey)?.outcome;
  return outcome !== undefined && "id" in outcome ? [outcome] : [];
}

function positionOf(reservation: Reservation, sortBy: ReservationSortKey): Position {
  const { id } = reservation;
  switch (sortBy) {
    case "reservation_id":
      return [id, id];
    case "tenant":
      return [reservation.subject.tenant ?? "", id];
    case "scope_path":
      return [reservation.scopes.path, id];
    case "status":
      return [reservation.status, id];
    case "reserved":
      return [reservation.reserved, id];
    case "created_at_ms":
      return [reservation.createdAtMs, id];
    case "expires_at_ms":
      return [reservation.expiresAtMs, id];
  }
}

function within(value: number | undefined, window: TimeWindow | undefined): boolean {
  if (window?.from === undefined && window?.to === undefined) return true;
  return value !== undefined && value >= (window.from ?? -Infinity) && value <= (window.to ?? Infinity);
}

function assertForward(window: TimeWindow | undefined): void {
  if (window?.from === undefined || window.to === undefined || window.from <= window.to) return;
  throw new LedgerRefusal("INVALID_REQUEST", "A time window ends before it begins.");
}
