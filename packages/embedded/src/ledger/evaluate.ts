import { budgetsAt, denialOf, detailOf } from "./availability.ts";
import { type Budget, balanceOf } from "./budget.ts";
import type { DenialDetail } from "./denial-detail.ts";
import { fingerprint } from "./fingerprint.ts";
import { flatCopy } from "./flat-text.ts";
import type { Evaluation } from "./outcomes.ts";
import { evaluatePolicy } from "./policy.ts";
import { LedgerRefusal } from "./refusal.ts";
import { type DecideRequest, type LedgerReserveRequest, checkAmount, checkMetadata, checkSpend } from "./requests.ts";
import { checkReserve, reserveFingerprint, emitDenied } from "./reserve.ts";
import { assertWithin } from "./scope-filter.ts";
import type { Scopes } from "./scopes.ts";
import type { LedgerState } from "./state.ts";

/** Asks without reserving (Cycles §decide). @throws LedgerRefusal for a request that is wrong, never for a denial. */
export function decide(state: LedgerState, request: DecideRequest): Evaluation {
  const atMs = state.begin();
  const { tenant, idempotencyKey, action, metadata, estimate } = request;
  checkSpend(request);
  checkAmount(estimate, "estimate.amount");
  const scopes = state.scopes.scopesOf(request.subject);
  assertWithin(request.within, scopes.path);
  const print = fingerprint([scopes.path, request.subject.dimensions, action, estimate, metadata]);
  const known = state.memory.recall(tenant, "decide", idempotencyKey, print);
  if (known !== undefined) return known;
  checkMetadata(metadata, state.settings.maxMetadataBytes);
  const outcome = evaluate(state, request, scopes, atMs);
  const kept = { idempotencyKey: flatCopy(idempotencyKey), fingerprint: print, outcome, atMs };
  state.remember({ tenant, operation: "decide", ...kept });
  const { decision, reasonCode = "UNKNOWN", denyDetail = { reasonCode } } = outcome;
  if (decision === "DENY") emitDenied(state, request, scopes, denyDetail);
  return outcome;
}

/** Evaluates a reserve as if it were live, and changes no balance (Cycles §createReservation, DRY-RUN). */
export function dryRun(state: LedgerState, request: LedgerReserveRequest): Evaluation {
  return evaluateOnly(state, request, "dry run");
}

/** As `dryRun`, and emits what would have become of the request (Cycles v0.1.26 §OBSERVE MODE, rule 1). */
export function observe(state: LedgerState, request: LedgerReserveRequest): Evaluation {
  return evaluateOnly(state, request, "observe");
}

function evaluateOnly(state: LedgerState, request: LedgerReserveRequest, mode: "dry run" | "observe"): Evaluation {
  const atMs = state.begin();
  const { tenant, idempotencyKey, estimate } = request;
  const scopes = checkReserve(state, request);
  const print = reserveFingerprint(request, scopes, mode);
  const known = state.memory.recall(tenant, "reserve", idempotencyKey, print);
  // A live reserve has another fingerprint, so what is known under this one is an evaluation.
  if (known !== undefined) return known as Evaluation;
  checkMetadata(request.metadata, state.settings.maxMetadataBytes);
  const evaluation = evaluate(state, request, scopes, atMs);
  const balances = existing(state, tenant, scopes, estimate.unit).map(balanceOf);
  const outcome = { ...evaluation, balances };
  state.remember({ tenant, operation: "reserve", idempotencyKey, fingerprint: print, outcome, atMs });
  if (mode === "observe") emitObserved(state, request, outcome);
  return outcome;
}

function emitObserved(state: LedgerState, request: LedgerReserveRequest, evaluation: Evaluation): void {
  const { tenant, estimate, action, subject } = request;
  const { decision, caps, reasonCode = "UNKNOWN", scopePath: scope } = evaluation;
  const asked = { tenant, scope, estimate, action, subject };
  if (decision !== "DENY") return state.emit({ kind: "observedAllowed", ...asked, decision, caps });
  state.emit({ kind: "observedDenied", ...asked, detail: evaluation.denyDetail ?? { reasonCode } });
}

function evaluate(state: LedgerState, request: DecideRequest, scopes: Scopes, nowMs: number): Evaluation {
  const { tenant, estimate } = request;
  const where = { scopePath: scopes.path, affectedScopes: scopes.affected };
  // Cycles §ERROR SEMANTICS: an evaluation reflects a closed tenant as a denial, never as a 409.
  const record = state.tenants.get(tenant);
  if (record?.status === "CLOSED") return denied("TENANT_CLOSED", where);
  const { denial: actionDenial } = state.settings.admit(request, scopes, state.counters, nowMs);
  if (actionDenial !== undefined) return denied(actionDenial.reason, where, actionDenial.detail);
  let budgets: readonly Budget[];
  try {
    budgets = budgetsAt(record, scopes, estimate.unit);
  } catch (error) {
    if (!(error instanceof LedgerRefusal) || error.reason !== "NOT_FOUND") throw error;
    return denied("BUDGET_NOT_FOUND", where);
  }
  const denial = denialOf(budgets, estimate.amount);
  if (denial !== undefined) return denied(denial.reason, where, detailOf(denial, budgets, estimate));
  return evaluatePolicy(state.settings.policy, request, scopes, budgets);
}

/** @param denyDetail MUST be there on every denial (Cycles v0.1.26 §DenyDetail); the bare reason where nothing more is known. */
function denied(
  reasonCode: string,
  where: Pick<Evaluation, "scopePath" | "affectedScopes">,
  denyDetail: DenialDetail = { reasonCode },
): Evaluation {
  return { decision: "DENY", reasonCode, denyDetail, ...where };
}

function existing(state: LedgerState, tenant: string, scopes: Scopes, unit: string): Budget[] {
  const record = state.tenants.get(tenant);
  return scopes.affected.flatMap((scope) => record?.budgets.get(scope)?.get(unit) ?? []);
}
