import type { ActionQuotaState, BudgetLedger, WebhookDelivery } from "@imprest/core/models/cycles/governance";
import type { Delivery } from "../deliveries.ts";
import { type Budget, balanceOf } from "../../ledger/budget.ts";
import type { QuotaCounter } from "../../ledger/quota-counters.ts";
import { ledgerIdOf } from "../ledger-id.ts";

export function writeDelivery(delivery: Delivery): WebhookDelivery {
  const { id, webhookId, eventId, eventType, status, attempts, completedAtMs, responseStatus, error } = delivery;
  return {
    delivery_id: id,
    subscription_id: webhookId,
    event_id: eventId,
    event_type: eventType,
    status,
    attempts,
    // The wire requires the instant even of what was not attempted yet.
    attempted_at: instantOf(delivery.attemptedAtMs ?? delivery.queuedAtMs),
    completed_at: completedAtMs === undefined ? undefined : instantOf(completedAtMs),
    response_status: responseStatus,
    response_time_ms: delivery.responseTimeMs,
    error_message: error,
    next_retry_at: status === "RETRYING" ? instantOf(delivery.dueAtMs) : undefined,
    trace_id: delivery.traceId,
    trace_flags: delivery.traceFlags ?? "01",
    traceparent_inbound_valid: delivery.traceFlags !== undefined,
  };
}

export function writeBudgetLedger(budget: Budget): BudgetLedger {
  const { tenant, scopePath, unit, createdAtMs, overagePolicy, period } = budget;
  const { allocated, remaining, reserved, spent, debt, overdraftLimit, status, isOverLimit } = balanceOf(budget);
  const amountOf = (amount: bigint): { readonly unit: string; readonly amount: bigint } => ({ unit, amount });
  return {
    ledger_id: ledgerIdOf(tenant, scopePath, unit),
    tenant_id: tenant,
    scope: scopePath,
    scope_path: scopePath,
    unit,
    allocated: amountOf(allocated),
    remaining: amountOf(remaining),
    reserved: amountOf(reserved),
    spent: amountOf(spent),
    debt: amountOf(debt),
    overdraft_limit: amountOf(overdraftLimit),
    is_over_limit: isOverLimit,
    status,
    commit_overage_policy: overagePolicy,
    ...(period !== undefined && {
      rollover_policy: period.rollover,
      period_start: instantOf(period.startsAtMs),
      period_end: instantOf(period.endsAtMs),
    }),
    created_at: instantOf(createdAtMs),
  };
}

export function writeQuotaCounter({ used, raisedAtMs, expiresAtMs, about }: QuotaCounter): ActionQuotaState {
  const { actionKind, riskClass, scope, window, windowKey, limit, policyId } = about;
  return {
    action_kind: actionKind,
    risk_class: riskClass,
    scope,
    scope_path: scope,
    window,
    window_key: windowKey,
    used,
    limit,
    remaining: Math.max(0, limit - used),
    policy_id: policyId,
    // What a counter of a calendar window says of its end is its key.
    expires_at: window === "per_run" ? instantOf(expiresAtMs) : undefined,
    last_incremented_at: instantOf(raisedAtMs),
  };
}

function instantOf(ms: number): string {
  return new Date(ms).toISOString();
}
