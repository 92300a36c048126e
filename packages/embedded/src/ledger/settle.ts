import { unitMismatch } from "./availability.ts";
import { charge } from "./charge.ts";
import { fingerprint } from "./fingerprint.ts";
import { flatCopy } from "./flat-text.ts";
import { assertSamePayload } from "./idempotency-memory.ts";
import type { CommitOutcome, ReleaseOutcome } from "./outcomes.ts";
import { LedgerRefusal } from "./refusal.ts";
import {
  type Calling,
  type CommitRequest,
  type ReleaseRequest,
  type SettleRequest,
  checkAmount,
  checkIdempotencyKey,
  checkMetadata,
  checkText,
} from "./requests.ts";
import { type Reservation, type ReservationSettlement, balancesIn, heldBy } from "./reservation.ts";
import { assertWithin } from "./scope-filter.ts";
import { balancesOf, snapshotOf } from "./snapshot.ts";
import type { LedgerState } from "./state.ts";

/**
 * Charges what was spent and gives back the rest (Cycles §commitReservation).
 * @throws LedgerRefusal; the reservation then stands as it stood.
 */
export function commit(state: LedgerState, request: CommitRequest): CommitOutcome {
  const nowMs = state.begin();
  const { tenant, idempotencyKey, actual, metrics, metadata } = request;
  checkIdempotencyKey(idempotencyKey);
  checkAmount(actual, "actual.amount");
  const reservation = ownReservation(state, request, request.reservationId);
  const print = fingerprint([actual.unit, actual.amount, metrics, metadata]);
  const replayed = replayOf(reservation, "commit", request, print);
  if (replayed !== undefined) {
    const { charged, released, snapshot } = replayed;
    return { unit: reservation.unit, charged, released, balances: balancesIn(reservation, snapshot) };
  }

  state.assertTenantOpen(tenant);
  assertSettleable(reservation);
  const metadataBytes = checkMetadata(metadata, state.settings.maxMetadataBytes);
  const { unit, budgets, reserved } = reservation;
  if (actual.unit !== unit) throw unitMismatch(reservation.scopes.path, actual.unit, [unit]);
  if (reservation.overagePolicy === "REJECT" && actual.amount > reserved) throw beyondReserve(actual.amount, reserved);
  const debts = budgets.map(({ debt }) => debt);
  const { overdraft } = state.settings;
  const policy = reservation.overagePolicy;
  const charged = charge(budgets, { held: reserved, actual: actual.amount, policy, overdraft });
  const released = charged < reserved ? reserved - charged : 0n;
  const settlement: ReservationSettlement = {
    operation: "commit",
    idempotencyKey: flatCopy(idempotencyKey),
    fingerprint: print,
    charged,
    released,
    snapshot: snapshotOf(budgets),
    metadata,
    metadataBytes,
    metrics,
  };
  reservation.settlement = settlement;
  state.finish(reservation, "COMMITTED", nowMs);
  if (state.isHeard) state.emit({ kind: "committed", ...heldBy(reservation), charged, released, idempotencyKey });
  if (actual.amount > reserved) emitOverage(state, reservation, actual.amount, debts);
  return { unit, charged, released, balances: balancesOf(budgets) };
}

/** Whatever the budgets have left: REJECT holds a commit to its reserve (Cycles §CommitOveragePolicy). */
function beyondReserve(actual: bigint, reserved: bigint): LedgerRefusal {
  const message = `${actual} is more than the ${reserved} reserved, and the overage policy is REJECT.`;
  return new LedgerRefusal("BUDGET_EXCEEDED", message);
}

/** A commit beyond what was reserved, and the debts that it made. */
function emitOverage(
  state: LedgerState,
  { id: reservationId, tenant, scopes, unit, reserved, overagePolicy, budgets }: Reservation,
  actual: bigint,
  debtsBefore: readonly bigint[],
): void {
  const incurred = budgets.map(({ debt }, at) => debt - (debtsBefore[at] ?? debt));
  const most = incurred.reduce((one, other) => (other > one ? other : one), 0n);
  const about = { tenant, reservationId, unit, overagePolicy };
  state.emit({ kind: "overcommitted", ...about, scope: scopes.path, reserved, actual, debtIncurred: most });
  budgets.forEach(({ scopePath: scope, debt, overdraftLimit }, at) => {
    const debtIncurred = incurred[at] ?? 0n;
    if (debtIncurred === 0n) return;
    state.emit({ kind: "debtIncurred", ...about, scope, debtIncurred, debt, overdraftLimit });
  });
}

/** Gives the whole reservation back (Cycles §releaseReservation). @throws LedgerRefusal. */
export function release(state: LedgerState, request: ReleaseRequest): ReleaseOutcome {
  const nowMs = state.begin();
  const { tenant, reason } = request;
  checkIdempotencyKey(request.idempotencyKey);
  if (reason !== undefined) checkText(reason, "reason", 0, 256);
  const reservation = ownReservation(state, request, request.reservationId);
  const print = fingerprint([reason]);
  const replayed = replayOf(reservation, "release", request, print);
  if (replayed !== undefined) {
    const { released, snapshot } = replayed;
    return { unit: reservation.unit, released, balances: balancesIn(reservation, snapshot) };
  }

  state.assertTenantOpen(tenant);
  assertSettleable(reservation);
  return giveBack(state, reservation, { idempotencyKey: request.idempotencyKey, fingerprint: print, reason }, nowMs);
}

/** Releases an active reservation without asking whether it may be. */
export function giveBack(
  state: LedgerState,
  reservation: Reservation,
  by: Pick<ReservationSettlement, "idempotencyKey" | "fingerprint" | "reason">,
  nowMs: number,
): ReleaseOutcome {
  const { reserved, budgets, unit } = reservation;
  for (const budget of budgets) budget.reserved -= reserved;
  state.uncount(reservation);
  const amounts = { charged: 0n, released: reserved };
  const settlement = { operation: "release", ...by, ...amounts, snapshot: snapshotOf(budgets) } as const;
  reservation.settlement = settlement;
  state.finish(reservation, "RELEASED", nowMs);
  const { idempotencyKey, reason } = by;
  if (state.isHeard) state.emit({ kind: "released", ...heldBy(reservation), reason, idempotencyKey });
  return { unit, released: reserved, balances: balancesOf(budgets) };
}

/** @throws LedgerRefusal NOT_FOUND, or FORBIDDEN for another tenant's (Cycles §AUTH & TENANCY), or beyond its scopes. */
export function ownReservation(state: LedgerState, { tenant, within }: Calling, reservationId: string): Reservation {
  const reservation = state.reservations.get(reservationId);
  if (reservation === undefined) throw new LedgerRefusal("NOT_FOUND", "There is no such reservation.");
  if (reservation.tenant === tenant) {
    assertWithin(within, reservation.scopes.path);
    return reservation;
  }
  throw new LedgerRefusal("FORBIDDEN", "The reservation belongs to another tenant.");
}

/** @throws LedgerRefusal RESERVATION_FINALIZED or RESERVATION_EXPIRED. */
export function assertSettleable({ status }: Reservation): void {
  if (status === "ACTIVE") return;
  if (status === "EXPIRED") throw expired();
  throw new LedgerRefusal("RESERVATION_FINALIZED", `The reservation is ${status.toLowerCase()} already.`);
}

export function expired(): LedgerRefusal {
  return new LedgerRefusal("RESERVATION_EXPIRED", "The reservation has expired; record what was spent as an event.");
}

/** What the same request was answered with before. @throws LedgerRefusal IDEMPOTENCY_MISMATCH. */
function replayOf(
  { settlement }: Reservation,
  operation: ReservationSettlement["operation"],
  { idempotencyKey }: SettleRequest,
  print: string,
): ReservationSettlement | undefined {
  if (settlement?.operation !== operation || settlement.idempotencyKey !== idempotencyKey) return undefined;
  assertSamePayload(settlement.fingerprint, print);
  return settlement;
}
