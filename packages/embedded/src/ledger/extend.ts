import { fingerprint } from "./fingerprint.ts";
import { assertSamePayload } from "./idempotency-memory.ts";
import type { ExtendOutcome } from "./outcomes.ts";
import { LedgerRefusal } from "./refusal.ts";
import { type ExtendRequest, checkDuration, checkIdempotencyKey, checkMetadata, longestLeaseMs } from "./requests.ts";
import { type Extension, type Reservation, balancesIn, heldBy, remainingTtlMs } from "./reservation.ts";
import { assertSettleable, expired, ownReservation } from "./settle.ts";
import { snapshotOf } from "./snapshot.ts";
import type { LedgerState } from "./state.ts";

/**
 * Moves the expiry outward from where it stands, to a day ahead at most (Cycles §extendReservation).
 * @throws LedgerRefusal RESERVATION_EXPIRED from the expiry on: the grace period is for settling only.
 */
export function extend(state: LedgerState, request: ExtendRequest): ExtendOutcome {
  const nowMs = state.begin();
  const { tenant, idempotencyKey, byMs, metadata } = request;
  checkIdempotencyKey(idempotencyKey);
  checkDuration(byMs, "The extension", 1, longestLeaseMs);
  const reservation = ownReservation(state, request, request.reservationId);
  const print = fingerprint([byMs, metadata]);
  const known = reservation.extensions?.get(idempotencyKey);
  if (known !== undefined) {
    assertSamePayload(known.fingerprint, print);
    return outcome(reservation, known, nowMs);
  }

  state.assertTenantOpen(tenant);
  checkMetadata(metadata, state.settings.maxMetadataBytes);
  assertSettleable(reservation);
  if (nowMs > reservation.expiresAtMs) throw expired();
  if (reservation.hasFixedLease === true) {
    throw new LedgerRefusal(
      "MAX_EXTENSIONS_EXCEEDED",
      "The reservation was made for a fixed time and cannot be extended.",
    );
  }
  const extensions = (reservation.extensions ??= new Map());
  if (extensions.size >= state.settings.maxExtensions) {
    throw new LedgerRefusal("MAX_EXTENSIONS_EXCEEDED", "The reservation has been extended as often as it may be.");
  }
  const expiresAtMs = Math.min(reservation.expiresAtMs + byMs, nowMs + longestLeaseMs);
  const extension = { fingerprint: print, expiresAtMs, snapshot: snapshotOf(reservation.budgets) };
  extensions.set(idempotencyKey, extension);
  state.postpone(reservation, expiresAtMs);
  if (state.isHeard) state.emit({ kind: "extended", ...heldBy(reservation), expiresAtMs });
  return outcome(reservation, extension, nowMs);
}

function outcome(reservation: Reservation, { expiresAtMs, snapshot }: Extension, nowMs: number): ExtendOutcome {
  const balances = balancesIn(reservation, snapshot);
  return { expiresAtMs, remainingTtlMs: remainingTtlMs(reservation, expiresAtMs, nowMs), balances };
}
