import type { EventDataByType } from "@imprest/core/models/cycles/governance";
import { writePolicyKeys } from "../cycles/action.ts";
import { writeDenial } from "../cycles/denial.ts";
import type { Books } from "../ledger/budget.ts";
import type { BudgetChange, Fact, Movement } from "../ledger/facts.ts";
import type { Counted } from "../ledger/quota-counters.ts";
import type { DecideRequest } from "../ledger/requests.ts";
import { closeCorrelation, counterCorrelation, denialCorrelation, runCorrelation } from "./correlation-ids.ts";
import type { AnyEventContent } from "./event.ts";
import { ledgerIdOf } from "./ledger-id.ts";

type FactOf<Kind extends Fact["kind"]> = Extract<Fact, { readonly kind: Kind }>;

type ClosedWithTenant = FactOf<"releasedWithTenant" | "closedWithTenant">;

/** A fact of the ledger as an event, in the words of the wire (Cycles governance §EventType, Cycles v0.1.26 §Event types). */
export function eventOfFact(fact: Exclude<Fact, Movement>): AnyEventContent {
  switch (fact.kind) {
    case "tenantCreated": {
      const { tenant } = fact;
      return { type: "tenant.created", tenant, data: { tenant_id: tenant, new_status: "ACTIVE" } };
    }
    case "tenantClosed": {
      const { tenant, closeId } = fact;
      const data = { tenant_id: tenant, previous_status: "ACTIVE", new_status: "CLOSED" };
      return { type: "tenant.closed", tenant, data, correlationId: closeCorrelation(tenant, closeId) };
    }
    case "releasedWithTenant": {
      const data = { ...cascadeOf(fact), released_amount: fact.released };
      return { type: "reservation.released_via_tenant_cascade", ...closingOf(fact), data };
    }
    case "closedWithTenant": {
      const data = { ...cascadeOf(fact), prior_status: fact.previous, new_status: "CLOSED" };
      return { type: "budget.closed_via_tenant_cascade", ...closingOf(fact), data };
    }
    case "budgetChanged":
      return budgetChanged(fact);
    case "periodBegan":
      return periodBegan(fact);
    case "thresholdCrossed":
      return { type: "budget.threshold_crossed", ...placeOf(fact), data: thresholdOf(fact) };
    case "exhausted":
      return { type: "budget.exhausted", ...placeOf(fact), data: thresholdOf(fact) };
    case "overLimitChanged":
      return overLimitChanged(fact);
    case "denied":
      return denied(fact);
    case "observedDenied":
      return observedDenied(fact);
    case "observedAllowed":
      return observedAllowed(fact);
    case "expired":
      return expired(fact);
    case "overcommitted":
      return overcommitted(fact);
    case "debtIncurred":
      return debtIncurred(fact);
    case "quotaApproaching":
      return quotaApproaching(fact);
    case "quotaReset":
      return quotaReset(fact);
    default:
      return fact satisfies never;
  }
}

function placeOf({ tenant, scope }: { readonly tenant: string; readonly scope: string }): {
  readonly tenant: string;
  readonly scope: string;
} {
  return { tenant, scope };
}

/** What a closing tenant takes with it (Cycles governance §CASCADE SEMANTICS). */
function cascadeOf({ tenant, scope, unit }: ClosedWithTenant): EventDataByType["budget.closed_via_tenant_cascade"] {
  return { ledger_id: ledgerIdOf(tenant, scope, unit), scope, unit, cascade_reason: "tenant_closed" };
}

function closingOf({ tenant, scope, closeId }: ClosedWithTenant): {
  readonly tenant: string;
  readonly scope: string;
  readonly correlationId: string;
} {
  return { tenant, scope, correlationId: closeCorrelation(tenant, closeId) };
}

const changes = {
  created: { type: "budget.created", operation: "CREATE" },
  funded: { type: "budget.funded", operation: "CREDIT" },
  resized: { type: "budget.reset", operation: "RESET" },
  debtRepaid: { type: "budget.debt_repaid", operation: "REPAY_DEBT" },
  frozen: { type: "budget.frozen", operation: "STATUS_CHANGE" },
  unfrozen: { type: "budget.unfrozen", operation: "STATUS_CHANGE" },
  closed: { type: "budget.closed", operation: "STATUS_CHANGE" },
} as const satisfies Readonly<Record<BudgetChange, object>>;

function budgetChanged({ tenant, scope, unit, change, before, after }: FactOf<"budgetChanged">): AnyEventContent {
  const { type, operation } = changes[change];
  const states = { ...(before !== undefined && { previous_state: { ...before } }), new_state: { ...after } };
  const data = { ledger_id: ledgerIdOf(tenant, scope, unit), scope, unit, operation, ...states };
  return { type, tenant, scope, data };
}

/** Time began the period, so nobody stated what is spent in it (Cycles governance §EventDataBudgetLifecycle). */
function periodBegan({ tenant, scope, unit, before, after }: FactOf<"periodBegan">): AnyEventContent {
  const states = { previous_state: { ...before }, new_state: { ...after }, spent_override_provided: false };
  const data = { ledger_id: ledgerIdOf(tenant, scope, unit), scope, unit, operation: "RESET_SPENT", ...states };
  return { type: "budget.reset_spent", tenant, scope, data };
}

function thresholdOf({
  scope,
  unit,
  threshold,
  direction,
  books,
}: FactOf<"thresholdCrossed" | "exhausted">): EventDataByType["budget.threshold_crossed"] {
  const { allocated, remaining, spent, reserved }: Books = books;
  const utilization = ratio(spent + reserved, allocated);
  return { scope, unit, threshold, direction, utilization, allocated, remaining, spent, reserved };
}

function overLimitChanged(fact: FactOf<"overLimitChanged">): AnyEventContent {
  const { tenant, scope, unit, debt, overdraftLimit: overdraft_limit, isOverLimit: is_over_limit } = fact;
  const type = is_over_limit ? "budget.over_limit_entered" : "budget.over_limit_exited";
  const data = { scope, unit, debt, overdraft_limit, is_over_limit, debt_utilization: ratio(debt, overdraft_limit) };
  return { type, tenant, scope, data };
}

/** For people to read; four digits of it. */
function ratio(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 10_000n) / whole) / 10_000;
}

function denied({ tenant, scope, estimate, action, subject, detail }: FactOf<"denied">): AnyEventContent {
  const { kind, tags } = action;
  const { name, policy_keys } = actedOf(action);
  const data = {
    scope,
    unit: estimate.unit,
    reason_code: detail.reasonCode,
    requested_amount: estimate.amount,
    remaining: detail.budgetRemaining,
    action: { kind, name, ...(tags !== undefined && { tags }), ...(policy_keys !== undefined && { policy_keys }) },
    subject: { ...subject },
    policy_id: detail.blockedByPolicy,
    deny_detail: { ...writeDenial(detail) },
  };
  const correlationId = denialCorrelation(tenant, scope, kind, detail);
  return { type: "reservation.denied", tenant, scope, data, correlationId };
}

function observedDenied(fact: FactOf<"observedDenied">): AnyEventContent {
  const { tenant, scope, action, detail } = fact;
  const would_have_blocked_at = detail.blockedByScope ?? scope;
  return {
    type: "reservation.observed_denied",
    tenant,
    scope,
    data: { ...observedOf(fact), deny_detail: writeDenial(detail), would_have_blocked_at },
    correlationId: denialCorrelation(tenant, scope, action.kind, detail),
  };
}

function observedAllowed(fact: FactOf<"observedAllowed">): AnyEventContent {
  const { tenant, scope, subject, decision, caps } = fact;
  return {
    type: "reservation.observed_allowed",
    tenant,
    scope,
    data: { ...observedOf(fact), decision, ...(caps !== undefined && { caps_applied: { ...caps } }) },
    correlationId: runCorrelation(tenant, scope, subject.dimensions?.["run_id"]),
  };
}

/** What both events of observe mode say (Cycles v0.1.26 §OBSERVE MODE). */
function observedOf({ scope, estimate, action, subject }: FactOf<"observedDenied" | "observedAllowed">): {
  readonly scope: string;
  readonly observe_mode: string;
} & Omit<EventDataByType["reservation.observed_denied"], "deny_detail"> {
  const { unit, amount: estimated_amount } = estimate;
  const about = { scope, unit, subject: { ...subject }, estimated_amount, observe_mode: "OBSERVE" };
  return { ...about, action: { ...actedOf(action) } };
}

function actedOf({ kind, name = kind, policyKeys }: DecideRequest["action"]): {
  readonly kind: string;
  readonly name: string;
  readonly policy_keys?: object;
} {
  return { kind, name, ...(policyKeys !== undefined && { policy_keys: writePolicyKeys(policyKeys) }) };
}

function expired(fact: FactOf<"expired">): AnyEventContent {
  const { tenant, scope, reservationId, unit, reserved, createdAtMs, expiresAtMs, extensions } = fact;
  const data = {
    reservation_id: reservationId,
    scope,
    unit,
    estimated_amount: reserved,
    created_at: new Date(createdAtMs).toISOString(),
    expired_at: new Date(expiresAtMs).toISOString(),
    ttl_ms: expiresAtMs - createdAtMs,
    extensions_used: extensions,
  };
  return { type: "reservation.expired", tenant, scope, data };
}

/** Cycles governance §EventDataCommitOverage. */
function overcommitted(fact: FactOf<"overcommitted">): AnyEventContent {
  const { tenant, scope, reservationId, unit, overagePolicy, reserved, actual, debtIncurred: debt_incurred } = fact;
  const about = { reservation_id: reservationId, unit, overage_policy: overagePolicy, scope };
  const amounts = { estimated_amount: reserved, actual_amount: actual, overage: actual - reserved, debt_incurred };
  const data = { ...about, ...amounts };
  return { type: "reservation.commit_overage", tenant, scope, data, correlationId: `commit:${reservationId}` };
}

function debtIncurred(fact: FactOf<"debtIncurred">): AnyEventContent {
  const { tenant, scope, reservationId, unit, overagePolicy, debtIncurred: debt_incurred, debt, overdraftLimit } = fact;
  const about = { reservation_id: reservationId, unit, overage_policy: overagePolicy, scope };
  const data = { ...about, debt_incurred, total_debt: debt, overdraft_limit: overdraftLimit };
  return { type: "budget.debt_incurred", tenant, scope, data, correlationId: `commit:${reservationId}` };
}

function quotaApproaching(fact: FactOf<"quotaApproaching">): AnyEventContent {
  const { used, limit, threshold: threshold_pct } = fact;
  const data = { ...countedOf(fact), used: BigInt(used), limit: BigInt(limit), threshold_pct };
  return { type: "quota.threshold_approaching", ...placeOf(fact), data, correlationId: counterCorrelation(fact) };
}

function quotaReset(fact: FactOf<"quotaReset">): AnyEventContent {
  const { previousUsed, limit, actorId: actor_id, reason } = fact;
  const numbers = { previous_used: BigInt(previousUsed), limit: BigInt(limit) };
  const data = { ...countedOf(fact), ...numbers, actor_id, ...(reason !== undefined && { reason }) };
  return { type: "quota.counter_reset", ...placeOf(fact), data, correlationId: counterCorrelation(fact) };
}

/** A counter of action quotas (Cycles action kinds §ActionQuotaState). */
function countedOf({ tenant, scope, actionKind, riskClass, window, windowKey, policyId }: Counted): {
  readonly scope: string;
  readonly action_kind: string;
  readonly risk_class?: string;
  readonly window: string;
  readonly window_key: string;
  readonly policy_id: string;
  readonly tenant_id: string;
} {
  return {
    scope,
    action_kind: actionKind,
    ...(riskClass !== undefined && { risk_class: riskClass }),
    window,
    window_key: windowKey,
    policy_id: policyId,
    tenant_id: tenant,
  };
}
