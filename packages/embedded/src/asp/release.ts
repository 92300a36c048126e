import type { ReleaseRequest, ReleaseResponse } from "@imprest/core/models/asp";
import type { AspBooks } from "./books.ts";
import { answerOf, end, giveBack, ownReservation, report } from "./settlement.ts";

/**
 * ASP §3 stage 5'. Harmless on whatever is over already: nothing is held then.
 * @throws AspRefusal, or what the ledger refuses.
 */
export function release(books: AspBooks, tenant: string, request: ReleaseRequest): Promise<ReleaseResponse> {
  const nowMs = books.reservations.advance();
  const reservation = ownReservation(books, tenant, request.reservationId);
  const instruction = { books, reservation, nowMs };
  const { idempotencyKey, reasonCodes = [] } = request;
  const { settlement, state } = reservation;
  if (state === "RELEASED" && settlement?.idempotencyKey === idempotencyKey) return settlement.answer;
  if (state !== "RESERVED") return Promise.resolve({});
  giveBack(instruction, idempotencyKey, reasonCodes[0] ?? "released");
  const by = { idempotencyKey, digest: "" };
  const signed = report(instruction, by, "release", { reason_codes: [...reasonCodes] });
  return end(instruction, by, "RELEASED", answerOf(signed, {}));
}
