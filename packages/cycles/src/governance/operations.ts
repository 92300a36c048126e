import {
  actionQuotaCounterListResponseShape,
  actionQuotaCounterResetResponseShape,
  authIntrospectResponseShape,
  budgetLedgerListResponseShape,
  eventListResponseShape,
  eventReplayResponseShape,
  webhookDeliveryListResponseShape,
} from "@imprest/core/models/cycles/governance-shapes";
import { emittedEventShape } from "@imprest/core/models/cycles/shapes";
import type {
  ActionQuotaCounterListResponse,
  ActionQuotaCounterResetResponse,
  AuthIntrospectResponse,
  BudgetLedgerListResponse,
  EmittedEvent,
  EventListResponse,
  EventReplayResponse,
  WebhookDeliveryListResponse,
} from "@imprest/core/models/cycles";
import type { Operation } from "../connection.ts";

// The operations of the governance plane that every server has (Cycles governance, x-conformance: normative).

export const introspectAuth: Operation<AuthIntrospectResponse> = {
  name: "introspectAuth",
  status: 200,
  schema: authIntrospectResponseShape,
};

export const listEvents: Operation<EventListResponse> = {
  name: "listEvents",
  status: 200,
  schema: eventListResponseShape,
};

export const listTenantEvents: Operation<EventListResponse> = { ...listEvents, name: "listTenantEvents" };

export const getEvent: Operation<EmittedEvent> = { name: "getEvent", status: 200, schema: emittedEventShape };

export const replayEvents: Operation<EventReplayResponse> = {
  name: "replayEvents",
  status: 202,
  schema: eventReplayResponseShape,
};

export const listWebhookDeliveries: Operation<WebhookDeliveryListResponse> = {
  name: "listWebhookDeliveries",
  status: 200,
  schema: webhookDeliveryListResponseShape,
};

export const listTenantWebhookDeliveries: Operation<WebhookDeliveryListResponse> = {
  ...listWebhookDeliveries,
  name: "listTenantWebhookDeliveries",
};

export const getBudgetLedgers: Operation<BudgetLedgerListResponse> = {
  name: "getBudgetLedgers",
  status: 200,
  schema: budgetLedgerListResponseShape,
};

export const listActionQuotaCounters: Operation<ActionQuotaCounterListResponse> = {
  name: "listActionQuotaCounters",
  status: 200,
  schema: actionQuotaCounterListResponseShape,
};

export const resetActionQuotaCounter: Operation<ActionQuotaCounterResetResponse> = {
  name: "resetActionQuotaCounter",
  status: 200,
  schema: actionQuotaCounterResetResponseShape,
};
