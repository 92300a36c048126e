import { budgetsAt, inactiveAmong, overagePolicyOf, refusalOf } from "./availability.ts";
import { charge } from "./charge.ts";
import { flatCopy, flatText } from "./flat-text.ts";
import { fingerprint } from "./fingerprint.ts";
import type { EventOutcome } from "./outcomes.ts";
import { type EventRequest, checkAmount, checkMetadata, checkPolicy, checkSpend } from "./requests.ts";
import { assertWithin } from "./scope-filter.ts";
import { snapshotOf } from "./snapshot.ts";
import type { LedgerState } from "./state.ts";

/**
 * Books a spend that no reservation covers, at every scope or at none (Cycles §createEvent).
 * @throws LedgerRefusal; nothing is booked then.
 */
export function recordEvent(state: LedgerState, request: EventRequest): EventOutcome {
  const atMs = state.begin();
  const { tenant, idempotencyKey, subject, action, actual, metrics, clientTimeMs, metadata } = request;
  const overagePolicy = request.overagePolicy ?? "ALLOW_IF_AVAILABLE";
  checkSpend(request);
  checkAmount(actual, "actual.amount");
  checkPolicy(overagePolicy);
  const scopes = state.scopes.scopesOf(subject);
  assertWithin(request.within, scopes.path);
  const payload = [scopes.path, subject.dimensions, action, actual, overagePolicy, metrics, clientTimeMs, metadata];
  const print = fingerprint(payload);
  const known = state.memory.recall(tenant, "event", idempotencyKey, print);
  if (known !== undefined) return known;

  state.assertTenantOpen(tenant);
  checkMetadata(metadata, state.settings.maxMetadataBytes);
  const budgets = budgetsAt(state.tenants.get(tenant), scopes, actual.unit);
  const inactive = inactiveAmong(budgets);
  if (inactive !== undefined) throw refusalOf(inactive);
  const policy = request.overagePolicy ?? overagePolicyOf(budgets) ?? state.settings.overagePolicy;
  const charged = charge(budgets, { held: 0n, actual: actual.amount, policy, overdraft: state.settings.overdraft });
  for (const budget of budgets) state.budgetChanged(budget);
  const outcome: EventOutcome = {
    eventId: flatText(["evt_", crypto.randomUUID()]),
    unit: actual.unit,
    charged,
    capped: charged < actual.amount,
    scopePaths: budgets.map(({ scopePath }) => scopePath),
    snapshot: snapshotOf(budgets),
  };
  if (state.isHeard) {
    const { eventId } = outcome;
    state.emit({ kind: "recorded", tenant, scope: scopes.path, unit: actual.unit, eventId, charged, action, subject });
  }
  const kept = { idempotencyKey: flatCopy(idempotencyKey), fingerprint: print, outcome, atMs };
  state.remember({ tenant, operation: "event", ...kept });
  return outcome;
}
