import { type CallOptions, ProtocolError } from "@imprest/core";
import type { ReservationSummary } from "@imprest/core/models/cycles";
import type { CyclesOperations } from "./client-operations.ts";

/** What became of the reservation that a lost answer may have left behind. */
export interface OrphanSweep {
  /** Released now; their budget is free again. */
  readonly released: readonly ReservationSummary[];
  /** Found but over already: settled, expired, or gone in between. */
  readonly over: readonly ReservationSummary[];
}

/**
 * Finds the reservation that a reserve under `idempotencyKey` made although its answer was lost, and releases it (Cycles
 * §listReservations, RECOVERY). For the key of an `AuthorityUnreachableError`, once it is sure that nothing was spent
 * under it: without this, the budget is held until the TTL ends.
 * @throws as `listReservations` and `releaseReservation`.
 */
export async function releaseOrphan(
  client: CyclesOperations,
  idempotencyKey: string,
  options?: CallOptions,
): Promise<OrphanSweep> {
  const released: ReservationSummary[] = [];
  const over: ReservationSummary[] = [];
  for await (const reservation of client.listReservations({ idempotency_key: idempotencyKey }, options)) {
    // A server that does not know the filter would list everything; only a row that names the key is ours.
    if (reservation.idempotency_key !== idempotencyKey) continue;
    const isFree = reservation.status === "ACTIVE" && (await release(client, reservation, idempotencyKey, options));
    (isFree ? released : over).push(reservation);
  }
  return { released, over };
}

/** @returns false when it was over before the release came. */
async function release(
  client: CyclesOperations,
  { reservation_id: id }: ReservationSummary,
  idempotencyKey: string,
  options: CallOptions | undefined,
): Promise<boolean> {
  try {
    const request = { reason: "the answer to the reserve was lost", idempotency_key: idempotencyKey };
    await client.releaseReservation(id, request, options);
    return true;
  } catch (error) {
    const isOver = ["RESERVATION_EXPIRED", "RESERVATION_FINALIZED", "NOT_FOUND"];
    if (ProtocolError.isInstance(error) && isOver.includes(error.errorCode)) return false;
    throw error;
  }
}
