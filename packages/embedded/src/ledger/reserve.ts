import type { Count } from "./admit.ts";
import { budgetsAt, denialOf, detailOf, overagePolicyOf, refusalOf } from "./availability.ts";
import type { DenialDetail } from "./denial-detail.ts";
import { flatCopy, flatText } from "./flat-text.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Evaluation, ReserveOutcome } from "./outcomes.ts";
import { evaluatePolicy } from "./policy.ts";
import { LedgerRefusal } from "./refusal.ts";
import {
  type DecideRequest,
  type LedgerReserveRequest,
  checkAmount,
  checkDuration,
  checkMetadata,
  checkPolicy,
  checkSpend,
  longestLeaseMs,
} from "./requests.ts";
import { type Reservation, balancesIn, heldBy, remainingTtlMs } from "./reservation.ts";
import { assertWithin } from "./scope-filter.ts";
import type { Scopes } from "./scopes.ts";
import { balancesOf, snapshotOf } from "./snapshot.ts";
import type { LedgerState } from "./state.ts";

/** What Cycles §ReservationCreateRequest gives a request that does not say. */
const defaults = { ttlMs: 60_000, graceMs: 5_000 } as const;

/**
 * Sets budget aside at every scope of the subject that has one, or at none (Cycles §createReservation).
 * @param id of a reservation that is restored; a fresh one is made without it.
 * @throws LedgerRefusal for a request that is wrong and for one that the budgets do not cover.
 */
export function reserve(state: LedgerState, request: LedgerReserveRequest, id?: string): ReserveOutcome {
  const nowMs = state.begin();
  const { tenant, idempotencyKey, estimate } = request;
  const scopes = checkReserve(state, request);
  const print = reserveFingerprint(request, scopes, "live");
  const known = state.memory.recall(tenant, "reserve", idempotencyKey, print);
  if (known !== undefined) return replay(known, nowMs);
  if (id !== undefined && state.reservations.has(id)) {
    throw new LedgerRefusal("INVALID_REQUEST", "The reservation that is to be restored is here already.");
  }

  state.assertTenantOpen(tenant);
  const metadataBytes = checkMetadata(request.metadata, state.settings.maxMetadataBytes);
  state.ofTenants.assertRoom(tenant, metadataBytes);
  const admission = state.settings.admit(request, scopes, state.counters, nowMs);
  if (admission.denial !== undefined) {
    const { reason, message, detail } = admission.denial;
    emitDenied(state, request, scopes, detail);
    throw new LedgerRefusal(reason, message, { denial: detail });
  }
  const budgets = budgetsAt(state.tenants.get(tenant), scopes, estimate.unit);
  const denial = denialOf(budgets, estimate.amount);
  if (denial !== undefined) {
    const detail = detailOf(denial, budgets, estimate);
    emitDenied(state, request, scopes, detail);
    throw refusalOf(denial, detail);
  }
  const evaluation = evaluatePolicy(state.settings.policy, request, scopes, budgets);
  if (evaluation.decision === "DENY") {
    emitDenied(state, request, scopes, evaluation.denyDetail ?? { reasonCode: evaluation.reasonCode ?? "UNKNOWN" });
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
  for (const budget of budgets) budget.reserved += estimate.amount;
  const reservation: Reservation = {
    id: id ?? flatText(["rsv_", crypto.randomUUID()]),
    tenant,
    idempotencyKey: flatCopy(idempotencyKey),
    fingerprint: print,
    subject: request.subject,
    action: request.action,
    unit: estimate.unit,
    reserved: estimate.amount,
    scopes,
    budgets,
    snapshot: snapshotOf(budgets),
    overagePolicy: request.overagePolicy ?? overagePolicyOf(budgets) ?? state.settings.overagePolicy,
    graceMs,
    hasFixedLease: request.hasFixedLease,
    caps: evaluation.caps,
    metadata: request.metadata,
    metadataBytes,
    createdAtMs: nowMs,
    grantedUntilMs: expiresAtMs,
    expiresAtMs,
    dueAtMs: expiresAtMs + graceMs,
    queuePosition: -1,
    status: "ACTIVE",
    finalizedAtMs: undefined,
    settlement: undefined,
    extensions: undefined,
    runCounters: runCountersOf(admission.counts),
  };
  for (const count of admission.counts) raise(state, count, nowMs);
  state.addReservation(reservation);
  if (state.isHeard) {
    state.emit({ kind: "reserved", ...heldBy(reservation), expiresAtMs, caps: reservation.caps });
  }
  return { reservation, remainingTtlMs: ttlMs, balances: balancesOf(budgets) };
}

/** A reserve or a decide was denied. */
export function emitDenied(
  state: LedgerState,
  { tenant, estimate, action, subject }: DecideRequest,
  { path: scope }: Scopes,
  detail: DenialDetail,
): void {
  state.emit({ kind: "denied", tenant, scope, estimate, action, subject, detail });
}

function runCountersOf(counts: readonly Count[]): readonly string[] | undefined {
  const keys = counts.filter(({ isPerRun }) => isPerRun).map(({ key }) => key);
  return keys.length === 0 ? undefined : keys;
}

/** Counts the call, and emits once a window that a threshold is crossed (Cycles v0.1.26 §EventDataQuotaThresholdApproaching). */
function raise(state: LedgerState, { key, expiresAtMs, used, threshold, about }: Count, nowMs: number): void {
  state.counters.add({ key, expiresAtMs, about }, nowMs);
  const at = threshold * about.limit;
  if (used >= at || used + 1 < at || !state.counters.announce(key)) return;
  state.emit({ kind: "quotaApproaching", ...about, used: used + 1, threshold });
}

/** @throws LedgerRefusal INVALID_REQUEST or FORBIDDEN. */
export function checkReserve(state: LedgerState, request: LedgerReserveRequest): Scopes {
  const { ttlMs, graceMs, overagePolicy } = request;
  checkSpend(request);
  checkAmount(request.estimate, "estimate.amount");
  if (ttlMs !== undefined) checkDuration(ttlMs, "The time to live", 1_000, longestLeaseMs);
  if (graceMs !== undefined) checkDuration(graceMs, "The grace period", 0, 60_000);
  if (overagePolicy !== undefined) checkPolicy(overagePolicy);
  const scopes = state.scopes.scopesOf(request.subject);
  assertWithin(request.within, scopes.path);
  return scopes;
}

export function reserveFingerprint(
  request: LedgerReserveRequest,
  scopes: Scopes,
  mode: "live" | "dry run" | "observe",
): string {
  const { subject, action, estimate, ttlMs, graceMs, overagePolicy, metadata } = request;
  return fingerprint([
    mode,
    scopes.path,
    estimate.unit,
    estimate.amount,
    action.kind,
    action.name,
    action.tags,
    action.policyKeys,
    ttlMs,
    graceMs,
    overagePolicy,
    subject.dimensions,
    metadata,
  ]);
}

function replay(known: Reservation | Evaluation, nowMs: number): ReserveOutcome {
  if (!("id" in known)) return { denied: known };
  const ttlMs = remainingTtlMs(known, known.grantedUntilMs, nowMs);
  return { reservation: known, remainingTtlMs: ttlMs, balances: balancesIn(known, known.snapshot) };
}
