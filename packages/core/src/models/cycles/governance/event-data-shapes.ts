import { count, flag, int64, jsonObject, number, text, texts } from "../../../wire/leaves.ts";
import { type Shape, object, optional } from "../../../wire/shape.ts";
import { denyDetail } from "../deny-detail.ts";
import type {
  ApiKeyData,
  BudgetDebtIncurredData,
  BudgetLifecycleData,
  BudgetOverLimitData,
  BudgetThresholdData,
  BurnRateAnomalyData,
  CommitOverageData,
  EventDataByType,
  EventType,
  LedgerState,
  ObservedAllowedData,
  ObservedDeniedData,
  PolicyData,
  QuotaCounterResetData,
  QuotaThresholdData,
  RateSpikeData,
  ReservationDeniedData,
  ReservationExpiredData,
  SystemData,
  TenantCascadeData,
  TenantLifecycleData,
  WebhookLifecycleData,
} from "./event-data.ts";

const word = optional(text);
const amount = optional(int64);
const whole = optional(count);
const fraction = number();
const rate = optional(fraction);
const words = optional(texts);
const json = optional(jsonObject);
const scopeAndUnit = { scope: word, unit: word };

const ledgerState: Shape<LedgerState> = object({
  allocated: amount,
  remaining: amount,
  debt: amount,
  spent: amount,
  reserved: amount,
  status: word,
});

const budgetLifecycle: Shape<BudgetLifecycleData> = object({
  ...scopeAndUnit,
  ledger_id: word,
  operation: word,
  previous_state: optional(ledgerState),
  new_state: optional(ledgerState),
  spent_override_provided: optional(flag),
  reason: word,
});

const budgetThreshold: Shape<BudgetThresholdData> = object({
  ...scopeAndUnit,
  threshold: rate,
  utilization: rate,
  allocated: amount,
  remaining: amount,
  spent: amount,
  reserved: amount,
  direction: word,
});

const budgetOverLimit: Shape<BudgetOverLimitData> = object({
  ...scopeAndUnit,
  debt: amount,
  overdraft_limit: amount,
  is_over_limit: optional(flag),
  debt_utilization: rate,
});

const budgetDebtIncurred: Shape<BudgetDebtIncurredData> = object({
  ...scopeAndUnit,
  reservation_id: word,
  debt_incurred: amount,
  total_debt: amount,
  overdraft_limit: amount,
  overage_policy: word,
});

const burnRateAnomaly: Shape<BurnRateAnomalyData> = object({
  ...scopeAndUnit,
  current_rate: rate,
  baseline_rate: rate,
  multiplier: rate,
  window_seconds: whole,
  projected_exhaustion_minutes: rate,
});

const reservationDenied: Shape<ReservationDeniedData> = object({
  ...scopeAndUnit,
  reason_code: word,
  requested_amount: amount,
  remaining: amount,
  action: json,
  subject: json,
  policy_id: word,
  deny_detail: json,
});

const reservationExpired: Shape<ReservationExpiredData> = object({
  ...scopeAndUnit,
  reservation_id: word,
  estimated_amount: amount,
  created_at: word,
  expired_at: word,
  ttl_ms: whole,
  extensions_used: whole,
});

const rateSpike: Shape<RateSpikeData> = object({
  metric: word,
  current_rate: rate,
  threshold_rate: rate,
  window_seconds: whole,
  sample_count: whole,
});

const commitOverage: Shape<CommitOverageData> = object({
  ...scopeAndUnit,
  reservation_id: word,
  estimated_amount: amount,
  actual_amount: amount,
  overage: amount,
  overage_policy: word,
  debt_incurred: amount,
});

const statusChange = { tenant_id: word, previous_status: word, new_status: word, changed_fields: words };

const tenantLifecycle: Shape<TenantLifecycleData> = object(statusChange);

const webhookLifecycle: Shape<WebhookLifecycleData> = object({
  ...statusChange,
  subscription_id: word,
  disable_reason: word,
});

const apiKey: Shape<ApiKeyData> = object({
  key_id: word,
  key_name: word,
  previous_status: word,
  new_status: word,
  permissions: words,
  failure_reason: word,
  source_ip: word,
});

const policy: Shape<PolicyData> = object({
  policy_id: word,
  name: word,
  scope_pattern: word,
  changed_fields: words,
});

const system: Shape<SystemData> = object({ component: word, message: word, severity: word, details: json });

const tenantCascade: Shape<TenantCascadeData> = object({
  ...scopeAndUnit,
  ledger_id: word,
  subscription_id: word,
  key_id: word,
  name: word,
  prior_status: word,
  new_status: word,
  released_amount: amount,
  cascade_reason: word,
});

const observed = { scope: text, unit: word, action: json, subject: json, estimated_amount: amount, observe_mode: text };

const observedDenied: Shape<ObservedDeniedData> = object({
  ...observed,
  deny_detail: denyDetail,
  would_have_blocked_at: word,
});

const observedAllowed: Shape<ObservedAllowedData> = object({
  ...observed,
  decision: text,
  caps_applied: json,
  sample_rate: rate,
});

const quota = { scope: text, action_kind: text, risk_class: word, window: text, policy_id: word, tenant_id: word };

const quotaThreshold: Shape<QuotaThresholdData> = object({
  ...quota,
  window_key: word,
  used: int64,
  limit: int64,
  threshold_pct: fraction,
});

const quotaCounterReset: Shape<QuotaCounterResetData> = object({
  ...quota,
  window_key: text,
  previous_used: int64,
  limit: amount,
  actor_id: text,
  reason: word,
});

/** The shape of `data`, by `event_type`. */
export const eventDataByType: { readonly [Type in EventType]: Shape<EventDataByType[Type]> } = {
  "budget.created": budgetLifecycle,
  "budget.updated": budgetLifecycle,
  "budget.funded": budgetLifecycle,
  "budget.debited": budgetLifecycle,
  "budget.reset": budgetLifecycle,
  "budget.reset_spent": budgetLifecycle,
  "budget.debt_repaid": budgetLifecycle,
  "budget.frozen": budgetLifecycle,
  "budget.unfrozen": budgetLifecycle,
  "budget.closed": budgetLifecycle,
  "budget.closed_via_tenant_cascade": tenantCascade,
  "budget.threshold_crossed": budgetThreshold,
  "budget.exhausted": budgetThreshold,
  "budget.over_limit_entered": budgetOverLimit,
  "budget.over_limit_exited": budgetOverLimit,
  "budget.debt_incurred": budgetDebtIncurred,
  "budget.burn_rate_anomaly": burnRateAnomaly,
  "reservation.denied": reservationDenied,
  "reservation.denial_rate_spike": rateSpike,
  "reservation.expiry_rate_spike": rateSpike,
  "reservation.expired": reservationExpired,
  "reservation.commit_overage": commitOverage,
  "reservation.released_via_tenant_cascade": tenantCascade,
  "reservation.observed_denied": observedDenied,
  "reservation.observed_allowed": observedAllowed,
  "tenant.created": tenantLifecycle,
  "tenant.updated": tenantLifecycle,
  "tenant.suspended": tenantLifecycle,
  "tenant.reactivated": tenantLifecycle,
  "tenant.closed": tenantLifecycle,
  "tenant.settings_changed": tenantLifecycle,
  "webhook.created": webhookLifecycle,
  "webhook.updated": webhookLifecycle,
  "webhook.paused": webhookLifecycle,
  "webhook.resumed": webhookLifecycle,
  "webhook.disabled": webhookLifecycle,
  "webhook.deleted": webhookLifecycle,
  "webhook.disabled_via_tenant_cascade": tenantCascade,
  "api_key.created": apiKey,
  "api_key.revoked": apiKey,
  "api_key.expired": apiKey,
  "api_key.permissions_changed": apiKey,
  "api_key.auth_failed": apiKey,
  "api_key.auth_failure_rate_spike": rateSpike,
  "api_key.revoked_via_tenant_cascade": tenantCascade,
  "policy.created": policy,
  "policy.updated": policy,
  "policy.deleted": policy,
  "system.store_connection_lost": system,
  "system.store_connection_restored": system,
  "system.high_latency": system,
  "system.webhook_delivery_failed": system,
  "system.webhook_test": system,
  "quota.threshold_approaching": quotaThreshold,
  "quota.counter_reset": quotaCounterReset,
};
