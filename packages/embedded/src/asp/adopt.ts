import { LedgerRefusal } from "../ledger/refusal.ts";
import type { Reservation } from "../ledger/reservation.ts";
import { otherWire, otherWireReason } from "./other-wire.ts";
import { type SettlementInstruction, answerOf, bothAmounts, differenceOf, end, tell } from "./settlement.ts";

/**
 * Takes in what another wire has done to a reservation meanwhile, and records it in the feed: the same ledger settles
 * for all. @returns whether it was over.
 */
export function adopt(instruction: SettlementInstruction): boolean {
  const { reservation } = instruction;
  if (reservation.state !== "RESERVED" && reservation.state !== "EXPIRED_IN_GRACE") return true;
  const found = inLedger(instruction);
  const { idempotencyKey = "", charged = 0n, operation } = found?.settlement ?? {};
  if (found === undefined || operation === undefined) return false;
  const by = { idempotencyKey, digest: "" };
  if (operation === "release") {
    const signed = tell(instruction, by, "release", { reason_codes: [otherWireReason] });
    void end(instruction, otherWire, "RELEASED", answerOf(signed, {}));
    return true;
  }
  reservation.observed = charged;
  const difference = differenceOf(reservation, charged);
  const data = { ...bothAmounts(reservation, charged), ...difference.data, reason_codes: [otherWireReason] };
  const signed = tell(instruction, by, "commit", data);
  void end(instruction, otherWire, "COMMITTED", answerOf(signed, difference.answer));
  return true;
}

/** `undefined` once the ledger has let it expire. */
function inLedger({ books, reservation }: SettlementInstruction): Readonly<Reservation> | undefined {
  try {
    return books.ledger.getReservation(reservation, reservation.id);
  } catch (error) {
    if (LedgerRefusal.isInstance(error)) return undefined;
    throw error;
  }
}
