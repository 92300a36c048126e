import type { Clock } from "@imprest/core";

/**
 * The ledger's own time, epoch milliseconds: the wall clock as it stood when the ledger opened, carried on by the
 * monotonic clock. A wall clock that is set back or forward neither revives nor kills a reservation, and
 * `expires_at_ms` and `remaining_ttl_ms` always come from one clock (Cycles §ReservationCreateResponse).
 */
export function ledgerTime(clock: Clock): () => number {
  const opened = clock.now();
  const openedMonotonic = clock.monotonic();
  return () => opened + Math.floor(clock.monotonic() - openedMonotonic);
}
