import { budgetsAt, denialOf } from "./availability.ts";
import { type Budget, balanceOf } from "./budget.ts";
import { fingerprint } from "./fingerprint.ts";
import { flatCopy } from "./flat-text.ts";
import type { Evaluation } from "./outcomes.ts";
import { evaluatePolicy } from "./policy.ts";
import { LedgerRefusal } from "./refusal.ts";
import { type DecideRequest, type LedgerReserveRequest, checkAmount, checkSpend } from "./requests.ts";
import { checkReserve, reserveFingerprint } from "./reserve.ts";
import type { Scopes } from "./scopes.ts";
import type { LedgerState } from "./state.ts";

/** Asks without reserving (Cycles §decide). @throws LedgerRefusal for a request that is wrong, never for a denial. */
export function decide(state: LedgerState, request: DecideRequest): Evaluation {
  const atMs = state.begin();
  const { tenant, idempotencyKey, action, metadata, estimate } = request;
  checkSpend(request);
  checkAmount(estimate, "estimate.amount");
  const scopes = state.scopes.scopesOf(request.subject);
  const print = fingerprint([scopes.path, request.subject.dimensions, action, estimate, metadata]);
  const known = state.memory.recall(tenant, "decide", idempotencyKey, print);
  if (known !== undefined) return known;
  const outcome = evaluate(state, request, scopes);
  const kept = { idempotencyKey: flatCopy(idempotencyKey), fingerprint: print, outcome, atMs };
  state.remember({ tenant, operation: "decide", ...kept });
  return outcome;
}

/** Evaluates a reserve as if it were live, and changes no balance (Cycles §createReservation, DRY-RUN). */
export function dryRun(state: LedgerState, request: LedgerReserveRequest): Evaluation {
  const atMs = state.begin();
  const { tenant, idempotencyKey, estimate } = request;
  const scopes = checkReserve(state, request);
  const print = reserveFingerprint(request, scopes, true);
  const known = state.memory.recall(tenant, "reserve", idempotencyKey, print);
  // A live reserve has another fingerprint, so what is known under this one is an evaluation.
  if (known !== undefined) return known as Evaluation;
  const evaluation = evaluate(state, request, scopes);
  const balances = existing(state, tenant, scopes, estimate.unit).map(balanceOf);
  const outcome = { ...evaluation, balances };
  state.remember({ tenant, operation: "reserve", idempotencyKey, fingerprint: print, outcome, atMs });
  return outcome;
}

function evaluate(state: LedgerState, request: DecideRequest, scopes: Scopes): Evaluation {
  const { tenant, estimate } = request;
  const where = { scopePath: scopes.path, affectedScopes: scopes.affected };
  // Cycles §ERROR SEMANTICS: an evaluation reflects a closed tenant as a denial, never as a 409.
  const record = state.tenants.get(tenant);
  if (record?.status === "CLOSED") return { decision: "DENY", reasonCode: "TENANT_CLOSED", ...where };
  let budgets: readonly Budget[];
  try {
    budgets = budgetsAt(record, scopes, estimate.unit);
  } catch (error) {
    if (!(error instanceof LedgerRefusal) || error.reason !== "NOT_FOUND") throw error;
    return { decision: "DENY", reasonCode: "BUDGET_NOT_FOUND", ...where };
  }
  const denial = denialOf(budgets, estimate.amount);
  if (denial !== undefined) return { decision: "DENY", reasonCode: denial.reason, ...where };
  return evaluatePolicy(state.settings.policy, request, scopes, budgets);
}

function existing(state: LedgerState, tenant: string, scopes: Scopes, unit: string): Budget[] {
  const record = state.tenants.get(tenant);
  return scopes.affected.flatMap((scope) => record?.budgets.get(scope)?.get(unit) ?? []);
}
