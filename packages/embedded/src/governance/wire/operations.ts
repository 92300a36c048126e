import { ValidationError } from "@imprest/core";
import {
  type ActionQuotaCounterQuery,
  type ActionQuotaCounterResetRequest,
  actionQuotaCounterQuery,
  actionQuotaCounterResetRequest,
  budgetLedgerQuery,
  eventListQuery,
  eventReplayRequest,
  tenantEventListQuery,
  webhookDeliveryListQuery,
} from "@imprest/core/models/cycles/governance";
import type { GovernancePlane } from "../plane.ts";
import { LedgerRefusal } from "../../ledger/refusal.ts";
import type { ScopeFilter } from "../../ledger/scope-filter.ts";
import { flagOf, readQuery, readUnkeyedBody } from "../../cycles/read.ts";
import { Refused } from "../../cycles/refused.ts";
import type { WireRequest } from "../../http/wire.ts";
import type { Success } from "../../cycles/success.ts";
import { continuation } from "../../cycles/write.ts";
import type { Caller } from "./caller.ts";
import { introspection } from "./introspect.ts";
import { writeBudgetLedger, writeDelivery, writeQuotaCounter } from "./write.ts";

/** One authenticated call of the governance plane. */
export interface GovernedCall {
  readonly plane: GovernancePlane;
  readonly caller: Caller;
  readonly request: WireRequest;
  readonly query: URLSearchParams;
  /** The id in the path, where it has one. */
  readonly id: string;
}

export type GovernedOperation = (call: GovernedCall) => Success;

/** GET /v1/auth/introspect */
export function introspectAuth({ caller }: GovernedCall): Success {
  return { status: 200, body: introspection(caller) };
}

const tenantEventFilters = ["event_type", "category", "scope", "correlation_id", "from", "to"];
const eventFilters = [...tenantEventFilters, "tenant_id", "trace_id", "request_id", "search", "sort_by", "sort_dir"];

/** GET /v1/admin/events */
export function listEvents({ plane, query }: GovernedCall): Success {
  const page = plane.listEvents(readQuery(query, eventFilters, eventListQuery));
  return { status: 200, body: { events: page.rows, ...continuation(page.nextCursor) } };
}

/** GET /v1/events: the tenant's own. */
export function listTenantEvents({ plane, query, caller }: GovernedCall): Success {
  const asked = readQuery(query, tenantEventFilters, tenantEventListQuery);
  const page = plane.listTenantEvents({ tenant: tenantOf(caller), within: withinOf(caller) }, asked);
  return { status: 200, body: { events: page.rows, ...continuation(page.nextCursor) } };
}

/** GET /v1/admin/events/{event_id} */
export function getEvent({ plane, id }: GovernedCall): Success {
  const event = plane.getEvent(id);
  if (event === undefined) throw new Refused("EVENT_NOT_FOUND", "There is no such event, or it is no longer kept.");
  return { status: 200, body: event };
}

/** GET /v1/admin/webhooks/{subscription_id}/deliveries, and the tenant's GET /v1/webhooks/{subscription_id}/deliveries */
export function listWebhookDeliveries({ plane, query, id, caller }: GovernedCall): Success {
  assertVisible(plane, id, caller);
  const asked = readQuery(query, ["status", "from", "to"], webhookDeliveryListQuery);
  const page = plane.listDeliveries(id, asked);
  return { status: 200, body: { deliveries: page.rows.map(writeDelivery), ...continuation(page.nextCursor) } };
}

/** POST /v1/admin/webhooks/{subscription_id}/replay */
export function replayEvents({ plane, request, id, caller }: GovernedCall): Success {
  assertVisible(plane, id, caller);
  const replay = plane.replay(id, readUnkeyedBody(request, eventReplayRequest));
  if (replay === undefined) {
    throw new Refused(
      "REPLAY_IN_PROGRESS",
      "A replay to this webhook is under way; wait until its deliveries are done.",
    );
  }
  return { status: 202, body: { replay_id: replay.replayId, events_queued: replay.queued } };
}

/** GET /v1/balances, in the governance plane's words */
export function getBudgetLedgers({ plane, query, caller }: GovernedCall): Success {
  const asked = readQuery(query, ["tenant_id", "scope_prefix", "unit"], budgetLedgerQuery);
  const { tenant_id: named, scope_prefix: scopePrefix, unit, limit, cursor } = asked;
  const tenant = tenantOf(caller);
  if (named !== undefined && named !== tenant) {
    throw new Refused("FORBIDDEN", "The query names a tenant that the API key does not act for.");
  }
  const within = withinOf(caller);
  const page = plane.ledger.listBudgets({ tenant, within, scopePrefix, unit, limit, cursor });
  return { status: 200, body: { balances: page.rows.map(writeBudgetLedger), ...continuation(page.nextCursor) } };
}

/** GET /v1/admin/action-quota-counters */
export function listActionQuotaCounters({ plane, query, caller }: GovernedCall): Success {
  const asked = readCounterQuery(query);
  const tenant = caller.role === "tenant" ? caller.tenant : asked.tenant_id;
  if (tenant === undefined) throw new Refused("INVALID_REQUEST", "missing_required_field: tenant_id");
  const page = plane.ledger.listQuotaCounters({
    tenant,
    scopePrefix: asked.scope,
    actionKind: asked.action_kind,
    window: asked.window,
    runId: asked.run_id,
    includeZero: asked.include_zero,
    limit: asked.limit,
    cursor: asked.cursor,
  });
  return { status: 200, body: { counters: page.rows.map(writeQuotaCounter), ...continuation(page.nextCursor) } };
}

/** POST /v1/admin/action-quota-counters/reset */
export function resetActionQuotaCounter({ plane, request }: GovernedCall): Success {
  const body = readReset(request);
  const { tenant_id: tenant, reason, ...wanted } = body;
  const { scope, action_kind: actionKind, risk_class: riskClass, window, window_key: windowKey } = wanted;
  const counter = { scope, actionKind, riskClass, window, windowKey };
  const reset = plane.ledger.resetQuotaCounter({ tenant, counter, reason, actorId: "admin" });
  return { status: 200, body: { counter: writeQuotaCounter(reset.counter), previous_used: reset.previous } };
}

/** @throws Refused in the specification's own words where the tenant is missing (Cycles action kinds §tenant_id). */
function readReset(request: WireRequest): ActionQuotaCounterResetRequest {
  try {
    return readUnkeyedBody(request, actionQuotaCounterResetRequest);
  } catch (error) {
    const isMissing = ValidationError.isInstance(error) && error.issues.some(({ pointer }) => pointer === "/tenant_id");
    throw isMissing ? new Refused("INVALID_REQUEST", "missing_required_field: tenant_id") : error;
  }
}

function readCounterQuery(query: URLSearchParams): ActionQuotaCounterQuery {
  const names = ["tenant_id", "scope", "action_kind", "window", "run_id"];
  const includeZero = query.get("include_zero");
  const flag = includeZero === null || includeZero === "" ? {} : { include_zero: flagOf(includeZero) };
  return readQuery(query, names, actionQuotaCounterQuery, flag);
}

/** Another tenant's webhook is as one that is not there (Cycles governance §listTenantWebhookDeliveries). */
function assertVisible(plane: GovernancePlane, id: string, caller: Caller): void {
  const webhook = plane.webhooks.find(id);
  if (webhook !== undefined && (caller.role === "admin" || webhook.tenant === caller.tenant)) return;
  throw new Refused("WEBHOOK_NOT_FOUND", "There is no such webhook.");
}

function withinOf(caller: Caller): ScopeFilter | undefined {
  return caller.role === "tenant" ? caller.within : undefined;
}

function tenantOf(caller: Caller): string {
  if (caller.role === "tenant") return caller.tenant;
  throw new LedgerRefusal("FORBIDDEN", "The call is a tenant's.");
}
