import { LedgerRefusal } from "../ledger/refusal.ts";
import type { Reservation } from "../ledger/reservation.ts";
import { otherWire, otherWireReason } from "./other-wire.ts";
import { type Settling, answerOf, bothAmounts, differenceOf, end, tell } from "./settlement.ts";

/**
 * Takes in what another wire has done to a reservation meanwhile, and tells it in the feed: the same ledger settles
 * for all. @returns whether it was over.
 */
export function adopt(settling: Settling): boolean {
  const { reservation } = settling;
  if (reservation.state !== "RESERVED" && reservation.state !== "EXPIRED_IN_GRACE") return true;
  const found = inLedger(settling);
  const { idempotencyKey = "", charged = 0n, operation } = found?.settlement ?? {};
  if (found === undefined || operation === undefined) return false;
  const by = { idempotencyKey, digest: "" };
  if (operation === "release") {
    const signed = tell(settling, by, "release", { reason_codes: [otherWireReason] });
    void end(settling, otherWire, "RELEASED", answerOf(signed, {}));
    return true;
  }
  reservation.observed = charged;
  const difference = differenceOf(reservation, charged);
  const data = { ...bothAmounts(reservation, charged), ...difference.data, reason_codes: [otherWireReason] };
  const signed = tell(settling, by, "commit", data);
  void end(settling, otherWire, "COMMITTED", answerOf(signed, difference.answer));
  return true;
}

/** `undefined` once the ledger has let it expire. */
function inLedger({ books, reservation }: Settling): Readonly<Reservation> | undefined {
  try {
    return books.ledger.getReservation(reservation.tenant, reservation.id);
  } catch (error) {
    if (LedgerRefusal.isInstance(error)) return undefined;
    throw error;
  }
}
