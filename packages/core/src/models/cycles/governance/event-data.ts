import type { DenyDetail } from "../deny-detail.ts";

// What an event's `data` holds, by the type of the event (Cycles governance §EventData…, extensions v0.1.26). Everything
// may be missing but what v0.1.26 requires; words are open; amounts are in the event's own `unit`.

type Json = Readonly<Record<string, unknown>>;

/** The books of a ledger before or after an operation; amounts in its unit. */
export interface LedgerState {
  readonly allocated?: bigint | undefined;
  readonly remaining?: bigint | undefined;
  readonly debt?: bigint | undefined;
  readonly spent?: bigint | undefined;
  readonly reserved?: bigint | undefined;
  readonly status?: string | undefined;
}

/** `budget.created`, `funded`, `debited`, `reset`, `reset_spent`, `debt_repaid`, `frozen`, `unfrozen`, `closed`, `updated`. */
export interface BudgetLifecycleData {
  readonly ledger_id?: string | undefined;
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  /** CREDIT, DEBIT, RESET, RESET_SPENT, REPAY_DEBT, STATUS_CHANGE, CREATE, UPDATE; open. */
  readonly operation?: string | undefined;
  readonly previous_state?: LedgerState | undefined;
  readonly new_state?: LedgerState | undefined;
  readonly spent_override_provided?: boolean | undefined;
  readonly reason?: string | undefined;
}

/** `budget.threshold_crossed`, `budget.exhausted`. */
export interface BudgetThresholdData {
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  /** Shares of the allocation: 0.8 is 80 %. */
  readonly threshold?: number | undefined;
  readonly utilization?: number | undefined;
  readonly allocated?: bigint | undefined;
  readonly remaining?: bigint | undefined;
  readonly spent?: bigint | undefined;
  readonly reserved?: bigint | undefined;
  /** `rising` or `falling`. */
  readonly direction?: string | undefined;
}

/** `budget.over_limit_entered`, `budget.over_limit_exited`. */
export interface BudgetOverLimitData {
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  readonly debt?: bigint | undefined;
  readonly overdraft_limit?: bigint | undefined;
  readonly is_over_limit?: boolean | undefined;
  readonly debt_utilization?: number | undefined;
}

/** `budget.debt_incurred`. */
export interface BudgetDebtIncurredData {
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  readonly reservation_id?: string | undefined;
  readonly debt_incurred?: bigint | undefined;
  readonly total_debt?: bigint | undefined;
  readonly overdraft_limit?: bigint | undefined;
  readonly overage_policy?: string | undefined;
}

/** `budget.burn_rate_anomaly`. */
export interface BurnRateAnomalyData {
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  readonly current_rate?: number | undefined;
  readonly baseline_rate?: number | undefined;
  readonly multiplier?: number | undefined;
  readonly window_seconds?: number | undefined;
  readonly projected_exhaustion_minutes?: number | undefined;
}

/** `reservation.denied`. */
export interface ReservationDeniedData {
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  /** Open. */
  readonly reason_code?: string | undefined;
  readonly requested_amount?: bigint | undefined;
  readonly remaining?: bigint | undefined;
  readonly action?: Json | undefined;
  readonly subject?: Json | undefined;
  readonly policy_id?: string | undefined;
  readonly deny_detail?: Json | undefined;
}

/** `reservation.expired`. */
export interface ReservationExpiredData {
  readonly reservation_id?: string | undefined;
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  readonly estimated_amount?: bigint | undefined;
  /** ISO 8601. */
  readonly created_at?: string | undefined;
  readonly expired_at?: string | undefined;
  readonly ttl_ms?: number | undefined;
  readonly extensions_used?: number | undefined;
}

/** `reservation.denial_rate_spike`, `reservation.expiry_rate_spike`, `api_key.auth_failure_rate_spike`. */
export interface RateSpikeData {
  readonly metric?: string | undefined;
  readonly current_rate?: number | undefined;
  readonly threshold_rate?: number | undefined;
  readonly window_seconds?: number | undefined;
  readonly sample_count?: number | undefined;
}

/** `reservation.commit_overage`. */
export interface CommitOverageData {
  readonly reservation_id?: string | undefined;
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  readonly estimated_amount?: bigint | undefined;
  readonly actual_amount?: bigint | undefined;
  readonly overage?: bigint | undefined;
  readonly overage_policy?: string | undefined;
  readonly debt_incurred?: bigint | undefined;
}

/** `tenant.created`, `updated`, `suspended`, `reactivated`, `closed`, `settings_changed`. */
export interface TenantLifecycleData {
  readonly tenant_id?: string | undefined;
  readonly previous_status?: string | undefined;
  readonly new_status?: string | undefined;
  readonly changed_fields?: readonly string[] | undefined;
}

/** `webhook.created`, `updated`, `paused`, `resumed`, `disabled`, `deleted`. */
export interface WebhookLifecycleData extends TenantLifecycleData {
  readonly subscription_id?: string | undefined;
  readonly disable_reason?: string | undefined;
}

/** `api_key.created`, `revoked`, `expired`, `permissions_changed`, `auth_failed`. */
export interface ApiKeyData {
  readonly key_id?: string | undefined;
  readonly key_name?: string | undefined;
  readonly previous_status?: string | undefined;
  readonly new_status?: string | undefined;
  readonly permissions?: readonly string[] | undefined;
  readonly failure_reason?: string | undefined;
  readonly source_ip?: string | undefined;
}

/** `policy.created`, `updated`, `deleted`. */
export interface PolicyData {
  readonly policy_id?: string | undefined;
  readonly name?: string | undefined;
  readonly scope_pattern?: string | undefined;
  readonly changed_fields?: readonly string[] | undefined;
}

/** `system.…`. */
export interface SystemData {
  readonly component?: string | undefined;
  readonly message?: string | undefined;
  /** `info`, `warning`, `critical`; open. */
  readonly severity?: string | undefined;
  readonly details?: Json | undefined;
}

/** The four `…_via_tenant_cascade`: what a closing tenant takes with it. */
export interface TenantCascadeData {
  readonly ledger_id?: string | undefined;
  readonly subscription_id?: string | undefined;
  readonly key_id?: string | undefined;
  readonly name?: string | undefined;
  readonly scope?: string | undefined;
  readonly unit?: string | undefined;
  readonly prior_status?: string | undefined;
  readonly new_status?: string | undefined;
  readonly released_amount?: bigint | undefined;
  readonly cascade_reason?: string | undefined;
}

/** `reservation.observed_denied` (v0.1.26). */
export interface ObservedDeniedData {
  readonly scope: string;
  readonly unit?: string | undefined;
  readonly deny_detail: DenyDetail;
  readonly action?: Json | undefined;
  readonly subject?: Json | undefined;
  readonly estimated_amount?: bigint | undefined;
  readonly observe_mode: string;
  readonly would_have_blocked_at?: string | undefined;
}

/** `reservation.observed_allowed` (v0.1.26). */
export interface ObservedAllowedData {
  readonly scope: string;
  readonly decision: string;
  readonly unit?: string | undefined;
  readonly action?: Json | undefined;
  readonly subject?: Json | undefined;
  readonly estimated_amount?: bigint | undefined;
  readonly observe_mode: string;
  readonly caps_applied?: Json | undefined;
  readonly sample_rate?: number | undefined;
}

/** `quota.threshold_approaching` (v0.1.26). */
export interface QuotaThresholdData {
  readonly scope: string;
  readonly action_kind: string;
  readonly risk_class?: string | undefined;
  readonly window: string;
  readonly window_key?: string | undefined;
  readonly used: bigint;
  readonly limit: bigint;
  readonly threshold_pct: number;
  readonly policy_id?: string | undefined;
  readonly tenant_id?: string | undefined;
}

/** `quota.counter_reset` (v0.1.26). */
export interface QuotaCounterResetData {
  readonly scope: string;
  readonly action_kind: string;
  readonly risk_class?: string | undefined;
  readonly window: string;
  readonly window_key: string;
  readonly previous_used: bigint;
  readonly limit?: bigint | undefined;
  readonly actor_id: string;
  readonly reason?: string | undefined;
  readonly policy_id?: string | undefined;
  readonly tenant_id?: string | undefined;
}

/** What `data` holds, by `event_type`. A type that is not here is one that this version does not know. */
export interface EventDataByType {
  "budget.created": BudgetLifecycleData;
  "budget.updated": BudgetLifecycleData;
  "budget.funded": BudgetLifecycleData;
  "budget.debited": BudgetLifecycleData;
  "budget.reset": BudgetLifecycleData;
  "budget.reset_spent": BudgetLifecycleData;
  "budget.debt_repaid": BudgetLifecycleData;
  "budget.frozen": BudgetLifecycleData;
  "budget.unfrozen": BudgetLifecycleData;
  "budget.closed": BudgetLifecycleData;
  "budget.closed_via_tenant_cascade": TenantCascadeData;
  "budget.threshold_crossed": BudgetThresholdData;
  "budget.exhausted": BudgetThresholdData;
  "budget.over_limit_entered": BudgetOverLimitData;
  "budget.over_limit_exited": BudgetOverLimitData;
  "budget.debt_incurred": BudgetDebtIncurredData;
  "budget.burn_rate_anomaly": BurnRateAnomalyData;
  "reservation.denied": ReservationDeniedData;
  "reservation.denial_rate_spike": RateSpikeData;
  "reservation.expiry_rate_spike": RateSpikeData;
  "reservation.expired": ReservationExpiredData;
  "reservation.commit_overage": CommitOverageData;
  "reservation.released_via_tenant_cascade": TenantCascadeData;
  "reservation.observed_denied": ObservedDeniedData;
  "reservation.observed_allowed": ObservedAllowedData;
  "tenant.created": TenantLifecycleData;
  "tenant.updated": TenantLifecycleData;
  "tenant.suspended": TenantLifecycleData;
  "tenant.reactivated": TenantLifecycleData;
  "tenant.closed": TenantLifecycleData;
  "tenant.settings_changed": TenantLifecycleData;
  "webhook.created": WebhookLifecycleData;
  "webhook.updated": WebhookLifecycleData;
  "webhook.paused": WebhookLifecycleData;
  "webhook.resumed": WebhookLifecycleData;
  "webhook.disabled": WebhookLifecycleData;
  "webhook.deleted": WebhookLifecycleData;
  "webhook.disabled_via_tenant_cascade": TenantCascadeData;
  "api_key.created": ApiKeyData;
  "api_key.revoked": ApiKeyData;
  "api_key.expired": ApiKeyData;
  "api_key.permissions_changed": ApiKeyData;
  "api_key.auth_failed": ApiKeyData;
  "api_key.auth_failure_rate_spike": RateSpikeData;
  "api_key.revoked_via_tenant_cascade": TenantCascadeData;
  "policy.created": PolicyData;
  "policy.updated": PolicyData;
  "policy.deleted": PolicyData;
  "system.store_connection_lost": SystemData;
  "system.store_connection_restored": SystemData;
  "system.high_latency": SystemData;
  "system.webhook_delivery_failed": SystemData;
  "system.webhook_test": SystemData;
  "quota.threshold_approaching": QuotaThresholdData;
  "quota.counter_reset": QuotaCounterResetData;
}

/** The event types of the specification: 51, and 4 of v0.1.26. The wire may carry others, and `custom.…`. */
export type EventType = keyof EventDataByType;
