import type { JsonObject } from "@imprest/core/audit";
import type { AuditSuffix, CommitResponse } from "@imprest/core/models/asp";
import { LedgerRefusal } from "../ledger/refusal.ts";
import { type AspBooks, ledgerKey } from "./books.ts";
import type { Signed } from "./event-log.ts";
import { AspRefusal } from "./refusal.ts";
import type { AspReservation, AspSettlement, AspState } from "./reservation.ts";

/** One reservation at the moment when something may settle it. */
export interface SettlementInstruction {
  readonly books: AspBooks;
  readonly reservation: AspReservation;
  readonly nowMs: number;
}

/** The request that settles it. */
export type SettledBy = Pick<AspSettlement, "idempotencyKey" | "digest">;

/** @throws AspRefusal; another tenant's reservation is as unknown as one that never was. */
export function ownReservation({ reservations }: AspBooks, tenant: string, reservationId: string): AspReservation {
  const reservation = reservations.get(reservationId);
  if (reservation?.tenant === tenant) return reservation;
  throw new AspRefusal("not_found", "There is no such reservation.", "RESERVATION_NOT_FOUND");
}

/** Appends an event of the reservation to its tenant's feed. */
export function report(
  { books, reservation, nowMs }: SettlementInstruction,
  { idempotencyKey, digest }: SettledBy,
  suffix: AuditSuffix,
  data: JsonObject,
): Promise<Signed> {
  const { tenant, id, decisionId } = reservation;
  const metadata = { idempotency_key: idempotencyKey, ...(digest !== "" && { request_digest: digest }) };
  const whole = { decision_id: decisionId, reservation_id: id, ...data, runtime_metadata: metadata };
  const signed = books.log.append(tenant, suffix, whole, nowMs);
  // An event beside the one that is answered with has nobody waiting for it.
  signed.catch(() => {});
  return signed;
}

/** The reservation is over, and a replay of the request that ended it gets the same answer. */
export function end(
  { books, reservation, nowMs }: SettlementInstruction,
  { idempotencyKey, digest }: SettledBy,
  state: AspState,
  answer: Promise<CommitResponse>,
): Promise<CommitResponse> {
  answer.catch(() => {});
  reservation.settlement = { idempotencyKey, digest, answer };
  books.reservations.finish(reservation, state, nowMs);
  return answer;
}

/** Settles the ledger's own reservation, so that what the ledger reports of it is not taken for another wire's. */
export function inLedger(reservation: AspReservation, settle: () => unknown): void {
  reservation.isSettling = true;
  try {
    settle();
  } finally {
    reservation.isSettling = false;
  }
}

/** Returns to the ledger what it holds for the reservation. */
export function giveBack({ books, reservation }: SettlementInstruction, idempotencyKey: string, reason: string): void {
  const { tenant, id: reservationId } = reservation;
  try {
    const request = { tenant, reservationId, idempotencyKey: ledgerKey(idempotencyKey), reason: reason.slice(0, 256) };
    inLedger(reservation, () => books.ledger.release(request));
  } catch (error) {
    // Expired within this very turn: the ledger has given it back by itself.
    if (!LedgerRefusal.isInstance(error) || error.reason !== "RESERVATION_EXPIRED") throw error;
  }
}

/** The capacity returns at the TTL (ASP §3.2), also where the ledger's clock is behind the feed's since a restart. */
export function giveBackAtTtl(instruction: SettlementInstruction): void {
  try {
    giveBack(instruction, `${instruction.reservation.id}:ttl`, "ttl_expired");
  } catch (error) {
    // Given back with its tenant, or forgotten.
    if (!LedgerRefusal.isInstance(error)) throw error;
  }
}

/** "The signed audit event records both reserved and observed amounts" (ASP §3.1). */
export function bothAmounts({ reserved }: AspReservation, observed: bigint): JsonObject {
  return { amount_atomic_observed: observed.toString(), amount_atomic_reserved: reserved.toString() };
}

/** A charge beyond the reserve has an event of its own, whichever wire it came by (ASP §3.1). */
export function reportOverage(
  instruction: SettlementInstruction,
  by: SettledBy,
  observed: bigint,
): Promise<Signed> | undefined {
  const { reservation } = instruction;
  if (observed <= reservation.reserved) return undefined;
  return report(instruction, by, "overage_charged", { ...overageOf(reservation, observed), policy: "charge_overage" });
}

export function overageOf(reservation: AspReservation, observed: bigint): JsonObject {
  const overage_amount_atomic = (observed - reservation.reserved).toString();
  return { ...bothAmounts(reservation, observed), overage_amount_atomic };
}

/** How what was observed differs from what was reserved, as the event and as the answer say it. */
export function differenceOf(
  { reserved }: AspReservation,
  observed: bigint,
): { readonly data: JsonObject; readonly answer: CommitResponse } {
  if (observed === reserved) return { data: { exact_match: true }, answer: {} };
  const more = observed - reserved;
  return more > 0n
    ? { data: { charge_amount_atomic: more.toString() }, answer: { chargeAmountAtomic: more } }
    : { data: { refund_amount_atomic: (-more).toString() }, answer: { refundAmountAtomic: -more } };
}

/** The answer, once its event, and the one emitted beside it, are signed. */
export async function answerOf(
  signed: Promise<Signed>,
  answer: CommitResponse,
  beside?: Promise<Signed>,
): Promise<CommitResponse> {
  const [{ signature }] = await Promise.all([signed, beside]);
  return { ...answer, auditEventSignature: signature };
}
