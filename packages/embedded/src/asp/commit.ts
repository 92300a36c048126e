import type { CommitRequest, CommitResponse } from "@imprest/core/models/asp";
import { LedgerRefusal } from "../ledger/refusal.ts";
import { type AspBooks, ledgerKey } from "./books.ts";
import { digestOf } from "./digest.ts";
import type { Signed } from "./event-log.ts";
import { AspRefusal, replayConflict } from "./refusal.ts";
import type { AspReservation } from "./reservation.ts";
import {
  type SettledBy,
  type SettlementInstruction,
  answerOf,
  bothAmounts,
  differenceOf,
  end,
  giveBack,
  inLedger,
  overageOf,
  ownReservation,
  report,
  reportOverage,
} from "./settlement.ts";

/** A commit of a reservation that is its own, with the amount observed. */
interface Committing extends SettlementInstruction {
  readonly by: SettledBy;
  readonly observed: bigint;
}

/**
 * ASP §3 stage 4, §3.1 to §3.3. Idempotent on reservation and key.
 * @throws AspRefusal, or what the ledger refuses.
 */
export function commit(books: AspBooks, tenant: string, request: CommitRequest): Promise<CommitResponse> {
  const nowMs = books.reservations.advance();
  const reservation = ownReservation(books, tenant, request.reservationId);
  const { idempotencyKey, amountAtomicObserved: observed, providerResponseFacts } = request;
  const digest = digestOf([observed, providerResponseFacts]);
  const committing = { books, reservation, nowMs, by: { idempotencyKey, digest }, observed };
  const { settlement, state } = reservation;
  // Whatever its key: a caller may settle under the key that it released with (ASP §3.3).
  if (state === "RELEASED") {
    throw new AspRefusal("failed_precondition", "The reservation was released.", "RESERVATION_RELEASED");
  }
  if (settlement?.idempotencyKey === idempotencyKey) {
    if (settlement.digest === digest) return settlement.answer;
    const field = conflictField(reservation, settlement, observed, providerResponseFacts);
    return rejectReplay(committing, "body_mismatch", field, replayConflict());
  }
  switch (state) {
    case "RESERVED":
    case "EXPIRED_IN_GRACE":
      return settle(committing);
    case "COMMITTED": {
      const settled = new AspRefusal("failed_precondition", "It is committed already.", "RESERVATION_SETTLED");
      return rejectReplay(committing, "reservation_already_settled", "idempotency_key", settled);
    }
    case "QUARANTINED":
      throw new AspRefusal("failed_precondition", "An operator must resolve it first.", "RESERVATION_QUARANTINED");
    default:
      return reconcile(committing);
  }
}

function settle(committing: Committing): Promise<CommitResponse> {
  const { books, reservation, nowMs, by, observed } = committing;
  const { tenant, id: reservationId, unit, reserved, budgetId, state } = reservation;
  if (observed > reserved && books.options.overagePolicyOf(budgetId) === "REJECT") return quarantine(committing);
  if (state === "EXPIRED_IN_GRACE") return commitLate(committing);
  try {
    const actual = { unit, amount: observed };
    const request = { tenant, reservationId, idempotencyKey: ledgerKey(by.idempotencyKey), actual };
    inLedger(reservation, () => books.ledger.commit(request));
  } catch (error) {
    if (!LedgerRefusal.isInstance(error) || error.reason !== "RESERVATION_EXPIRED") throw error;
    // The ledger's clock reached the TTL within this very turn.
    books.reservations.expire(reservation, nowMs);
    return commitLate(committing);
  }
  reservation.observed = observed;
  const difference = differenceOf(reservation, observed);
  const data = { ...bothAmounts(reservation, observed), ...difference.data };
  const signed = report(committing, by, "commit", data);
  const overage = reportOverage(committing, by, observed);
  return end(committing, by, "COMMITTED", answerOf(signed, difference.answer, overage));
}

/** Honoured though the capacity went back: the budget may go over its cap, and the event says by how much. */
function commitLate(committing: Committing): Promise<CommitResponse> {
  const { books, reservation, nowMs, by, observed } = committing;
  const { tenant, subject, action, unit, ttlExpiresAtMs } = reservation;
  books.ledger.recordEvent({
    tenant,
    idempotencyKey: `asp:late:${reservation.id}`,
    subject,
    action,
    actual: { unit, amount: observed },
    overagePolicy: "CHARGE_OVERAGE",
  });
  reservation.observed = observed;
  const { remaining } = books.ledger.getBudget({ tenant, scope: subject, unit });
  const over = -remaining < observed ? -remaining : observed;
  const data = {
    ...bothAmounts(reservation, observed),
    grace_window_ms_used: Math.max(0, nowMs - ttlExpiresAtMs),
    ...(over > 0n && { over_cap_amount_atomic: over.toString() }),
  };
  const signed = report(committing, by, "late_commit", data);
  const overage = reportOverage(committing, by, observed);
  return end(committing, by, "COMMITTED", answerOf(signed, differenceOf(reservation, observed).answer, overage));
}

/** The call stays uncovered; what was held goes back, because nothing will be charged to it (ASP §3.1). */
function quarantine(committing: Committing): Promise<CommitResponse> {
  const { reservation, by, observed } = committing;
  if (reservation.state === "RESERVED") giveBack(committing, by.idempotencyKey, "overage_rejected");
  const signed = report(committing, by, "overage_rejected", overageOf(reservation, observed));
  const message = `${observed} is more than the ${reservation.reserved} reserved; the reservation is quarantined.`;
  const answer = refuseAfter(signed, new AspRefusal("failed_precondition", message, "OVERAGE_REJECTED"));
  return end(committing, by, "QUARANTINED", answer);
}

/** The grace window is over: nothing is charged, and the gap is told (ASP §3.2). */
function reconcile(committing: Committing): Promise<CommitResponse> {
  const { books, reservation, nowMs, by, observed } = committing;
  const graceEndMs = reservation.ttlExpiresAtMs + books.options.graceWindowMs;
  const data = {
    amount_atomic_observed: observed.toString(),
    time_past_grace_ms: Math.max(0, nowMs - graceEndMs),
  };
  const signed = report(committing, by, "reconciliation_gap", data);
  const message = "The grace window is over; record the spend out of band.";
  const answer = refuseAfter(signed, new AspRefusal("failed_precondition", message, "EXPIRED_BEYOND_GRACE"));
  return end(committing, by, "EXPIRED_BEYOND_GRACE", answer);
}

/**
 * Which of the two that a replay must repeat disagrees (ASP §5 `replay_rejected`). A commit that was refused has left its
 * amount in the digest alone, so that of such a one both are named.
 */
function conflictField(
  { state, observed: first }: AspReservation,
  { digest }: SettledBy,
  observed: bigint,
  facts: CommitRequest["providerResponseFacts"],
): string {
  const amount = "amount_atomic_observed";
  const providerFacts = "provider_response_facts";
  if (state === "COMMITTED" && observed === first) return providerFacts;
  if (state === "COMMITTED" && digestOf([first, facts]) === digest) return amount;
  return `${amount},${providerFacts}`;
}

/** What was settled stays as it is; the attempt is told (ASP §3.3). */
function rejectReplay(
  { books, reservation, nowMs, by }: Committing,
  reason: "body_mismatch" | "reservation_already_settled",
  field: string,
  refusal: AspRefusal,
): Promise<CommitResponse> {
  const { tenant, id, decisionId } = reservation;
  const data = {
    decision_id: decisionId,
    reservation_id: id,
    idempotency_key: by.idempotencyKey,
    conflict_field: field,
    reason_codes: [reason],
  };
  return refuseAfter(books.log.append(tenant, "replay_rejected", data, nowMs), refusal);
}

async function refuseAfter(signed: Promise<Signed>, refusal: AspRefusal): Promise<never> {
  await signed;
  throw refusal;
}
