import { budgetsAt, denialOf, refusalOf } from "./availability.ts";
import { flatCopy, flatText } from "./flat-text.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Evaluation, ReserveOutcome } from "./outcomes.ts";
import { evaluatePolicy } from "./policy.ts";
import {
  type LedgerReserveRequest,
  checkAmount,
  checkDuration,
  checkPolicy,
  checkSpend,
  longestLeaseMs,
} from "./requests.ts";
import { type Reservation, remainingTtlMs } from "./reservation.ts";
import type { Scopes } from "./scopes.ts";
import type { LedgerState } from "./state.ts";

/** What Cycles §ReservationCreateRequest gives a request that does not say. */
const defaults = { ttlMs: 60_000, graceMs: 5_000, overagePolicy: "ALLOW_IF_AVAILABLE" } as const;

/**
 * Sets budget aside at every scope of the subject that has one, or at none (Cycles §createReservation).
 * @throws LedgerRefusal for a request that is wrong and for one that the budgets do not cover.
 */
export function reserve(state: LedgerState, request: LedgerReserveRequest): ReserveOutcome {
  const nowMs = state.begin();
  const { tenant, idempotencyKey, estimate } = request;
  const scopes = checkReserve(state, request);
  const print = reserveFingerprint(request, scopes, false);
  const known = state.memory.recall(tenant, "reserve", idempotencyKey, print);
  if (known !== undefined) return replay(known, nowMs);

  state.assertTenantOpen(tenant);
  const budgets = budgetsAt(state.tenants.get(tenant), scopes, estimate.unit);
  const denial = denialOf(budgets, estimate.amount);
  if (denial !== undefined) throw refusalOf(denial);
  const evaluation = evaluatePolicy(state.settings.policy, request, scopes, budgets);
  if (evaluation.decision === "DENY") {
    const atMs = nowMs;
    state.remember({
      tenant,
      operation: "reserve",
      idempotencyKey,
      fingerprint: print,
      outcome: evaluation,
      atMs,
    });
    return { denied: evaluation };
  }

  const ttlMs = request.ttlMs ?? defaults.ttlMs;
  const graceMs = request.graceMs ?? defaults.graceMs;
  const expiresAtMs = nowMs + ttlMs;
  const reservation: Reservation = {
    id: flatText(["rsv_", crypto.randomUUID()]),
    tenant,
    idempotencyKey: flatCopy(idempotencyKey),
    fingerprint: print,
    subject: request.subject,
    action: request.action,
    unit: estimate.unit,
    reserved: estimate.amount,
    scopes,
    budgets,
    overagePolicy: request.overagePolicy ?? defaults.overagePolicy,
    graceMs,
    caps: evaluation.caps,
    metadata: request.metadata,
    createdAtMs: nowMs,
    grantedUntilMs: expiresAtMs,
    expiresAtMs,
    dueAtMs: expiresAtMs + graceMs,
    queuePosition: -1,
    status: "ACTIVE",
    finalizedAtMs: undefined,
    settlement: undefined,
    extensions: undefined,
  };
  for (const budget of budgets) budget.reserved += estimate.amount;
  state.addReservation(reservation);
  return { reservation, remainingTtlMs: ttlMs };
}

/** @throws LedgerRefusal INVALID_REQUEST or FORBIDDEN. */
export function checkReserve(state: LedgerState, request: LedgerReserveRequest): Scopes {
  const { ttlMs, graceMs, overagePolicy } = request;
  checkSpend(request);
  checkAmount(request.estimate, "estimate.amount");
  if (ttlMs !== undefined) checkDuration(ttlMs, "The time to live", 1_000, longestLeaseMs);
  if (graceMs !== undefined) checkDuration(graceMs, "The grace period", 0, 60_000);
  if (overagePolicy !== undefined) checkPolicy(overagePolicy);
  return state.scopes.scopesOf(request.subject);
}

export function reserveFingerprint(request: LedgerReserveRequest, scopes: Scopes, dryRun: boolean): string {
  const { subject, action, estimate, ttlMs, graceMs, overagePolicy, metadata } = request;
  return fingerprint([
    dryRun,
    scopes.path,
    estimate.unit,
    estimate.amount,
    action.kind,
    action.name,
    action.tags,
    ttlMs,
    graceMs,
    overagePolicy,
    subject.dimensions,
    metadata,
  ]);
}

function replay(known: Reservation | Evaluation, nowMs: number): ReserveOutcome {
  if (!("id" in known)) return { denied: known };
  return { reservation: known, remainingTtlMs: remainingTtlMs(known, known.grantedUntilMs, nowMs) };
}
