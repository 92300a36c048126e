import type {
  Attested,
  Balance,
  CommitResponse,
  DecisionResponse,
  ReleaseResponse,
  ReservationCreateResponse,
  ReservationDetail,
  ReservationEvidence,
} from "@imprest/core/models/cycles";
import { writeAction } from "./action.ts";
import { writeDenial } from "./denial.ts";
import type { CommitOutcome, Evaluation, ReleaseOutcome, ReserveOutcome } from "../ledger/outcomes.ts";
import type { Reservation } from "../ledger/reservation.ts";
import type { ScopeBalance } from "../ledger/snapshot.ts";

// The ledger's answers in the words of the wire. Members that are undefined are left out when they are written.

export function writeDecision({
  decision,
  caps,
  reasonCode,
  retryAfterMs,
  affectedScopes,
  denyDetail,
}: Evaluation): DecisionResponse {
  return {
    decision,
    caps,
    reason_code: reasonCode,
    retry_after_ms: retryAfterMs,
    affected_scopes: affectedScopes,
    deny_detail: denyDetail && writeDenial(denyDetail),
  };
}

/** A decision as evidence states it: the mirror does not know what v0.1.26 added (Cycles evidence, MIRROR CONTRACT). */
export function attestedDecision({ deny_detail: _later, ...answer }: DecisionResponse): Attested<DecisionResponse> {
  return answer;
}

/** A dry run or a policy's denial: nothing of a reservation is in it (Cycles §DRY-RUN RESPONSE RULES). */
export function writeEvaluation(evaluation: Evaluation): ReservationCreateResponse {
  return {
    ...writeDecision(evaluation),
    decision: evaluation.decision,
    affected_scopes: evaluation.affectedScopes,
    scope_path: evaluation.scopePath,
    balances: writeBalances(evaluation.balances),
  };
}

export function writeReserve(outcome: ReserveOutcome): ReservationCreateResponse {
  if (outcome.reservation === undefined) return writeEvaluation(outcome.denied);
  const { id, unit, reserved, caps, grantedUntilMs, scopes } = outcome.reservation;
  return {
    decision: caps === undefined ? "ALLOW" : "ALLOW_WITH_CAPS",
    reservation_id: id,
    reserved: { unit, amount: reserved },
    expires_at_ms: grantedUntilMs,
    remaining_ttl_ms: outcome.remainingTtlMs,
    scope_path: scopes.path,
    affected_scopes: scopes.affected,
    caps,
    balances: writeBalances(outcome.balances),
  };
}

/** A reserve as evidence states it: what is left of the lease changes with every replay (Cycles §CyclesEvidenceRef). */
export function attestedReserve({
  remaining_ttl_ms: _volatile,
  deny_detail: _later,
  ...answer
}: ReservationCreateResponse): Attested<ReservationCreateResponse> {
  return answer;
}

export function writeCommit({ unit, charged, released, balances }: CommitOutcome): CommitResponse {
  return {
    status: "COMMITTED",
    charged: { unit, amount: charged },
    // Of an over-reservation, if there was any (Cycles §CommitResponse).
    released: released === 0n ? undefined : { unit, amount: released },
    balances: writeBalances(balances),
  };
}

export function writeRelease({ unit, released, balances }: ReleaseOutcome): ReleaseResponse {
  return { status: "RELEASED", released: { unit, amount: released }, balances: writeBalances(balances) };
}

export function writeReservation(
  reservation: Readonly<Reservation>,
  evidence: ReservationEvidence | undefined,
): ReservationDetail {
  const { unit, action, scopes, settlement } = reservation;
  return {
    reservation_id: reservation.id,
    status: reservation.status,
    idempotency_key: reservation.idempotencyKey,
    subject: reservation.subject,
    action: writeAction(action),
    reserved: { unit, amount: reservation.reserved },
    committed: reservation.status === "COMMITTED" && settlement ? { unit, amount: settlement.charged } : undefined,
    created_at_ms: reservation.createdAtMs,
    expires_at_ms: reservation.expiresAtMs,
    finalized_at_ms: reservation.finalizedAtMs,
    scope_path: scopes.path,
    affected_scopes: scopes.affected,
    metadata: reservation.metadata,
    committed_metadata: settlement?.metadata,
    evidence,
  };
}

/** A row of a list: the maps, which may be large and private, only on request (Cycles §listReservations, include). */
export function writeSummary(
  reservation: Readonly<Reservation>,
  include: readonly string[],
  evidence: ReservationEvidence | undefined,
): ReservationDetail {
  const detail = writeReservation(reservation, evidence);
  return {
    ...detail,
    metadata: include.includes("metadata") ? detail.metadata : undefined,
    committed_metadata: include.includes("committed_metadata") ? detail.committed_metadata : undefined,
    evidence: include.includes("evidence") ? evidence : undefined,
  };
}

/**
 * An answer of which every integer can be stated by canonical JSON, or as it is: the balances are there for people to see
 * (Cycles §getBalances), and a large budget must not leave the answers about small amounts without evidence.
 */
export function statable<Answer extends { readonly balances?: readonly Balance[] | undefined }>(
  answer: Answer,
): Answer {
  const isExact = ({ remaining, allocated = remaining }: Balance): boolean =>
    [remaining, allocated].every(({ amount }) => amount <= largestExact && amount >= -largestExact);
  return answer.balances?.every(isExact) === false ? { ...answer, balances: undefined } : answer;
}

const largestExact = BigInt(Number.MAX_SAFE_INTEGER);

export function writeBalances(balances: readonly ScopeBalance[] | undefined): Balance[] | undefined {
  return balances?.map(writeBalance);
}

/** The scope by its own level, the path in full; no debt, no limit and no excess go without saying (Cycles §Balance). */
export function writeBalance(balance: ScopeBalance): Balance {
  const { unit, scopePath, debt, overdraftLimit } = balance;
  return {
    scope: scopePath.slice(scopePath.lastIndexOf("/") + 1),
    scope_path: scopePath,
    remaining: { unit, amount: balance.remaining },
    reserved: { unit, amount: balance.reserved },
    spent: { unit, amount: balance.spent },
    allocated: { unit, amount: balance.allocated },
    ...(debt !== 0n && { debt: { unit, amount: debt } }),
    ...(overdraftLimit !== 0n && { overdraft_limit: { unit, amount: overdraftLimit } }),
    ...(balance.isOverLimit && { is_over_limit: true }),
  };
}

/** What a page says of the next. */
export function continuation(cursor: string | undefined): object {
  return cursor === undefined ? { has_more: false } : { next_cursor: cursor, has_more: true };
}
