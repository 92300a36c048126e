import {
  type ActionQuotaCounterListResponse,
  type ActionQuotaCounterResetResponse,
  type AuthIntrospectResponse,
  type BudgetLedgerListResponse,
  type EventListResponse,
  type EventReplayResponse,
  type WebhookDeliveryListResponse,
  actionQuotaCounterListResponse,
  actionQuotaCounterResetResponse,
  authIntrospectResponse,
  budgetLedgerListResponse,
  eventListResponse,
  eventReplayResponse,
  webhookDeliveryListResponse,
} from "@imprest/core/models/cycles/governance";
import { type EmittedEvent, emittedEvent } from "@imprest/core/models/cycles";
import type { Operation } from "../connection.ts";

// The operations of the governance plane that every server has (Cycles governance, x-conformance: normative).

export const introspectAuth: Operation<AuthIntrospectResponse> = {
  name: "introspectAuth",
  status: 200,
  schema: authIntrospectResponse,
};

export const listEvents: Operation<EventListResponse> = {
  name: "listEvents",
  status: 200,
  schema: eventListResponse,
};

export const listTenantEvents: Operation<EventListResponse> = { ...listEvents, name: "listTenantEvents" };

export const getEvent: Operation<EmittedEvent> = { name: "getEvent", status: 200, schema: emittedEvent };

export const replayEvents: Operation<EventReplayResponse> = {
  name: "replayEvents",
  status: 202,
  schema: eventReplayResponse,
};

export const listWebhookDeliveries: Operation<WebhookDeliveryListResponse> = {
  name: "listWebhookDeliveries",
  status: 200,
  schema: webhookDeliveryListResponse,
};

export const listTenantWebhookDeliveries: Operation<WebhookDeliveryListResponse> = {
  ...listWebhookDeliveries,
  name: "listTenantWebhookDeliveries",
};

export const getBudgetLedgers: Operation<BudgetLedgerListResponse> = {
  name: "getBudgetLedgers",
  status: 200,
  schema: budgetLedgerListResponse,
};

export const listActionQuotaCounters: Operation<ActionQuotaCounterListResponse> = {
  name: "listActionQuotaCounters",
  status: 200,
  schema: actionQuotaCounterListResponse,
};

export const resetActionQuotaCounter: Operation<ActionQuotaCounterResetResponse> = {
  name: "resetActionQuotaCounter",
  status: 200,
  schema: actionQuotaCounterResetResponse,
};
