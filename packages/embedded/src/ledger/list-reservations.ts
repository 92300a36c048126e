import type { Subject } from "@imprest/core";
import type { Calling } from "./requests.ts";
import { isWithin } from "./scope-filter.ts";
import { type Page, type PageRequest, type Position, pageOf } from "./page.ts";
import { LedgerRefusal } from "./refusal.ts";
import { type Reservation, type ReservationStatus, metadataBytesOf } from "./reservation.ts";
import { hasLevels, namedLevels } from "./scopes.ts";
import type { LedgerState } from "./state.ts";

/** A closed interval of epoch milliseconds; either end may be open. */
export interface TimeWindow {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What a list of reservations may be ordered by. */
export type ReservationSortKey = "id" | "tenant" | "scopePath" | "status" | "reserved" | "createdAtMs" | "expiresAtMs";

export interface ListReservationsRequest extends PageRequest, Calling {
  /** Levels that a reservation's subject must name with these values; `dimensions` are not looked at. */
  readonly subject?: Subject | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Open: a word that no reservation bears matches none. */
  readonly status?: ReservationStatus | (string & {}) | undefined;
  readonly created?: TimeWindow | undefined;
  readonly expires?: TimeWindow | undefined;
  /** Leaves out what was not settled: active and expired reservations. */
  readonly finalized?: TimeWindow | undefined;
  readonly sortBy?: ReservationSortKey | undefined;
  readonly sortDirection?: "asc" | "desc" | undefined;
  /** Whether the metadata is to be shown: then fewer rows fit on a page. */
  readonly withMetadata?: boolean | undefined;
}

/** A tenant's reservations, newest first by default (Cycles §listReservations). */
export function listReservations(state: LedgerState, request: ListReservationsRequest): Page<Reservation> {
  state.begin();
  const { tenant, subject = {}, idempotencyKey, status, created, expires, finalized } = request;
  for (const window of [created, expires, finalized]) assertForward(window);
  const { sortBy = "createdAtMs", sortDirection = "desc" } = request;
  const wanted = namedLevels(subject);
  const rows = candidates(state, tenant, idempotencyKey).filter(
    (reservation) =>
      (status === undefined || reservation.status === status) &&
      isWithin(request.within, reservation.scopes.path) &&
      hasLevels(reservation.subject, wanted) &&
      within(reservation.createdAtMs, created) &&
      within(reservation.expiresAtMs, expires) &&
      within(reservation.finalizedAtMs, finalized),
  );
  const filter = [tenant, wanted, idempotencyKey, status, created, expires, finalized, sortBy, sortDirection];
  const bytesOf = request.withMetadata === true ? (row: Reservation) => rowBytes + metadataBytesOf(row) : undefined;
  const order = { descending: sortDirection === "desc", filter, bytesOf };
  return pageOf(rows, (reservation) => [sortedValue[sortBy](reservation), reservation.id], order, request);
}

/** About what a row takes without its metadata. */
const rowBytes = 1_024;

function candidates(
  state: LedgerState,
  tenant: string,
  idempotencyKey: string | undefined,
): IteratorObject<Reservation> {
  if (idempotencyKey === undefined) return state.ofTenants.of(tenant);
  const outcome = state.memory.find(tenant, "reserve", idempotencyKey)?.outcome;
  return (outcome !== undefined && "id" in outcome ? [outcome] : []).values();
}

const sortedValue: Readonly<Record<ReservationSortKey, (reservation: Reservation) => Position[0]>> = {
  id: ({ id }) => id,
  tenant: ({ subject }) => subject.tenant ?? "",
  scopePath: ({ scopes }) => scopes.path,
  status: ({ status }) => status,
  reserved: ({ reserved }) => reserved,
  createdAtMs: ({ createdAtMs }) => createdAtMs,
  expiresAtMs: ({ expiresAtMs }) => expiresAtMs,
};

function within(value: number | undefined, window: TimeWindow | undefined): boolean {
  if (window?.from === undefined && window?.to === undefined) return true;
  return value !== undefined && value >= (window.from ?? -Infinity) && value <= (window.to ?? Infinity);
}

function assertForward(window: TimeWindow | undefined): void {
  if (window?.from === undefined || window.to === undefined || window.from <= window.to) return;
  throw new LedgerRefusal("INVALID_REQUEST", "A time window ends before it begins.");
}
