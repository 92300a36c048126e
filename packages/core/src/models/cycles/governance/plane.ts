import type { Amount } from "../../../amount/amount.ts";
import {
  boundedText,
  count,
  flag,
  hexDigits,
  loose,
  oneOf,
  openOneOf,
  text,
  texts,
  wholeNumber,
} from "../../../wire/leaves.ts";
import { type Shape, closedObject, list, object, optional, record, refined } from "../../../wire/shape.ts";
import { amount, signedAmount, units } from "../amount.ts";
import { type EmittedEvent, emittedEvent } from "../emitted-event.ts";
import { instant } from "../instant.ts";
import { overagePolicies } from "../reservation.ts";

/** A budget ledger as the governance plane shows it (Cycles governance §BudgetLedger). Instants are ISO 8601. */
export interface BudgetLedger {
  readonly ledger_id: string;
  readonly scope: string;
  readonly unit: string;
  readonly allocated: Amount;
  /** Negative in overdraft. */
  readonly remaining: Amount;
  /** ACTIVE, FROZEN, CLOSED; open. */
  readonly status: string;
  readonly created_at: string;
  readonly tenant_id?: string | undefined;
  readonly scope_path?: string | undefined;
  readonly reserved?: Amount | undefined;
  readonly spent?: Amount | undefined;
  readonly debt?: Amount | undefined;
  readonly overdraft_limit?: Amount | undefined;
  readonly is_over_limit?: boolean | undefined;
  readonly commit_overage_policy?: string | undefined;
  readonly rollover_policy?: string | undefined;
  readonly period_start?: string | undefined;
  readonly period_end?: string | undefined;
  readonly updated_at?: string | undefined;
}

const optionalAmount = optional(amount);

export const budgetLedger: Shape<BudgetLedger> = object({
  ledger_id: text,
  scope: text,
  unit: openOneOf(units),
  allocated: amount,
  remaining: signedAmount,
  status: openOneOf(["ACTIVE", "FROZEN", "CLOSED"]),
  created_at: text,
  tenant_id: optional(text),
  scope_path: optional(text),
  reserved: optionalAmount,
  spent: optionalAmount,
  debt: optionalAmount,
  overdraft_limit: optionalAmount,
  is_over_limit: optional(flag),
  commit_overage_policy: optional(openOneOf(overagePolicies)),
  rollover_policy: optional(openOneOf(["NONE", "CARRY_FORWARD", "CAP_AT_ALLOCATED"])),
  period_start: optional(text),
  period_end: optional(text),
  updated_at: optional(text),
});

const page = { next_cursor: optional(text), has_more: optional(flag) };

/** One page of ledgers (Cycles governance §BalanceListResponse). */
export interface BudgetLedgerListResponse {
  readonly balances: readonly BudgetLedger[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const budgetLedgerListResponse: Shape<BudgetLedgerListResponse> = object({
  balances: list(budgetLedger),
  ...page,
});

/** Which ledgers (Cycles governance §getBalances): not the words of the runtime plane. */
export interface BudgetLedgerQuery {
  readonly tenant_id?: string | undefined;
  readonly scope_prefix?: string | undefined;
  readonly unit?: string | undefined;
  /** 1 to 100; 50 when absent. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

const word = optional(boundedText(512));
const pageQuery = { cursor: optional(boundedText(4096)), limit: optional(wholeNumber(1, 100)) };

export const budgetLedgerQuery: Shape<BudgetLedgerQuery> = closedObject({
  tenant_id: word,
  scope_prefix: word,
  unit: word,
  ...pageQuery,
});

/** One page of events (Cycles governance §EventListResponse). */
export interface EventListResponse {
  readonly events: readonly EmittedEvent[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const eventListResponse: Shape<EventListResponse> = object({
  events: list(emittedEvent),
  ...page,
});

/** Which of a tenant's events (Cycles governance §listTenantEvents). Bounds are ISO 8601 instants. */
export interface TenantEventListQuery {
  readonly event_type?: string | undefined;
  readonly category?: string | undefined;
  /** A prefix. */
  readonly scope?: string | undefined;
  readonly correlation_id?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** 1 to 100; 50 when absent. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

const window = { from: optional(instant), to: optional(instant) };
const eventFilter = { event_type: word, category: word, scope: word, correlation_id: word, ...window, ...pageQuery };

export const tenantEventListQuery: Shape<TenantEventListQuery> = closedObject(eventFilter);

/** Which events of all tenants, in what order (Cycles governance §listEvents). */
export interface EventListQuery extends TenantEventListQuery {
  readonly tenant_id?: string | undefined;
  readonly trace_id?: string | undefined;
  readonly request_id?: string | undefined;
  /** At most 128 characters. */
  readonly search?: string | undefined;
  readonly sort_by?: "event_type" | "category" | "scope" | "tenant_id" | "timestamp" | undefined;
  readonly sort_dir?: "asc" | "desc" | undefined;
}

export const eventListQuery: Shape<EventListQuery> = closedObject({
  ...eventFilter,
  tenant_id: word,
  trace_id: word,
  request_id: word,
  search: optional(boundedText(128)),
  sort_by: optional(oneOf(["event_type", "category", "scope", "tenant_id", "timestamp"])),
  sort_dir: optional(oneOf(["asc", "desc"])),
});

const deliveryStatuses = ["PENDING", "SUCCESS", "FAILED", "RETRYING"] as const;

/** One attempt chain to deliver one event (Cycles governance §WebhookDelivery). Instants are ISO 8601. */
export interface WebhookDelivery {
  readonly delivery_id: string;
  readonly subscription_id: string;
  readonly event_id: string;
  /** PENDING, SUCCESS, FAILED, RETRYING; open. */
  readonly status: string;
  readonly attempted_at: string;
  readonly event_type?: string | undefined;
  readonly completed_at?: string | undefined;
  readonly attempts?: number | undefined;
  readonly response_status?: number | undefined;
  readonly response_time_ms?: number | undefined;
  readonly error_message?: string | undefined;
  readonly next_retry_at?: string | undefined;
  readonly trace_id?: string | undefined;
  readonly trace_flags?: string | undefined;
  readonly traceparent_inbound_valid?: boolean | undefined;
}

export const webhookDelivery: Shape<WebhookDelivery> = object({
  delivery_id: text,
  subscription_id: text,
  event_id: text,
  status: openOneOf(deliveryStatuses),
  attempted_at: text,
  event_type: optional(text),
  completed_at: optional(text),
  attempts: optional(count),
  response_status: optional(count),
  response_time_ms: optional(count),
  error_message: optional(text),
  next_retry_at: optional(text),
  trace_id: optional(loose(hexDigits(32))),
  trace_flags: optional(loose(hexDigits(2))),
  traceparent_inbound_valid: optional(flag),
});

/** One page of deliveries (Cycles governance §WebhookDeliveryListResponse). */
export interface WebhookDeliveryListResponse {
  readonly deliveries: readonly WebhookDelivery[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const webhookDeliveryListResponse: Shape<WebhookDeliveryListResponse> = object({
  deliveries: list(webhookDelivery),
  ...page,
});

/** Which deliveries of a subscription (Cycles governance §listWebhookDeliveries). */
export interface WebhookDeliveryListQuery {
  readonly status?: (typeof deliveryStatuses)[number] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** 1 to 100; 50 when absent. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export const webhookDeliveryListQuery: Shape<WebhookDeliveryListQuery> = closedObject({
  status: optional(oneOf(deliveryStatuses)),
  ...window,
  ...pageQuery,
});

/** What is delivered again (Cycles governance §replayEvents): all of the window, or nothing. */
export interface EventReplayRequest {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly event_types?: readonly string[] | undefined;
  /** 1 to 1000; 100 when absent. A window that holds more is refused. */
  readonly max_events?: number | undefined;
}

export const eventReplayRequest: Shape<EventReplayRequest> = refined(
  closedObject({
    ...window,
    event_types: optional(list(boundedText(128, 1))),
    max_events: optional(wholeNumber(1, 1000)),
  }),
  ({ from, to }: EventReplayRequest) => from === undefined || to === undefined || Date.parse(from) <= Date.parse(to),
  "has from after to; swap them",
);

/** A replay that was accepted; `events_queued` may be fewer than the window holds. */
export interface EventReplayResponse {
  readonly replay_id?: string | undefined;
  readonly events_queued?: number | undefined;
  readonly estimated_completion_seconds?: number | undefined;
}

export const eventReplayResponse: Shape<EventReplayResponse> = object({
  replay_id: optional(text),
  events_queued: optional(count),
  estimated_completion_seconds: optional(count),
});

/** What a credential may do (Cycles governance §AuthIntrospectResponse). */
export interface AuthIntrospectResponse {
  readonly authenticated: boolean;
  /** `admin` or `tenant`; open. */
  readonly auth_type: string;
  readonly permissions: readonly string[];
  /** `view_budgets`, `manage_webhooks` …: true where the credential may. */
  readonly capabilities: Readonly<Record<string, boolean>>;
  /** Absent for an admin key. */
  readonly tenant_id?: string | undefined;
  readonly scope_filter?: readonly string[] | undefined;
}

export const authIntrospectResponse: Shape<AuthIntrospectResponse> = object({
  authenticated: flag,
  auth_type: openOneOf(["admin", "tenant"]),
  permissions: texts,
  capabilities: record(text, flag),
  tenant_id: optional(text),
  scope_filter: optional(texts),
});
