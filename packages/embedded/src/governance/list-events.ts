import type { EmittedEvent } from "@imprest/core/models/cycles";
import type { EventListQuery } from "@imprest/core/models/cycles/governance";
import { type Page, type Position, pageOf } from "../ledger/page.ts";
import { canonicalScope } from "../ledger/scopes.ts";
import type { KeptEvent } from "./event-log.ts";

/** What a tenant may see and subscribe to (Cycles governance §createTenantWebhook, TENANT-ACCESSIBLE BOUNDARY). */
export const tenantCategories: ReadonlySet<string> = new Set(["budget", "reservation", "tenant"]);

/**
 * Events that match, newest first unless asked otherwise (Cycles governance §listEvents).
 * @throws LedgerRefusal INVALID_REQUEST for a cursor that is none, or of another filter.
 */
export function listEvents(events: Iterable<KeptEvent>, query: EventListQuery): Page<EmittedEvent> {
  const { limit, cursor, sort_by: sortBy = "timestamp", sort_dir: direction = "desc", ...filter } = query;
  const matches = matcherOf(filter);
  const found = Array.from(events).filter(({ event }) => matches(event));
  // In the order that is asked for, most of a long log is beyond the page at first sight.
  if (direction === "desc") found.reverse();
  const positionOf = ({ event, sequence }: KeptEvent): Position => [
    event[sortBy] ?? "",
    String(sequence).padStart(16, "0"),
  ];
  const order = { descending: direction === "desc", filter: [filter, sortBy, direction] };
  const page = pageOf(found, positionOf, order, { limit, cursor });
  return { ...page, rows: page.rows.map(({ event }) => event) };
}

/** Those of one tenant, as far as they are a tenant's to see (Cycles governance §listTenantEvents). */
export function listTenantEvents(
  events: Iterable<KeptEvent>,
  tenant: string,
  query: EventListQuery,
): Page<EmittedEvent> {
  const accessible = Array.from(events).filter(({ event }) => tenantCategories.has(event.category));
  return listEvents(accessible, { ...query, tenant_id: tenant });
}

function matcherOf(query: EventListQuery): (event: EmittedEvent) => boolean {
  const { event_type, category, tenant_id, correlation_id, trace_id, request_id, from, to, search } = query;
  const scope = query.scope && canonicalScope(query.scope);
  const fromMs = from === undefined ? undefined : Date.parse(from);
  const toMs = to === undefined ? undefined : Date.parse(to);
  const equals = (wanted: string | undefined, found: string | undefined): boolean =>
    wanted === undefined || wanted === found;
  return (event) =>
    equals(event_type, event.event_type) &&
    equals(category, event.category) &&
    equals(tenant_id, event.tenant_id) &&
    equals(correlation_id, event.correlation_id) &&
    equals(trace_id, event.trace_id) &&
    equals(request_id, event.request_id) &&
    (scope === undefined || (event.scope !== undefined && canonicalScope(event.scope).startsWith(scope))) &&
    (fromMs === undefined || Date.parse(event.timestamp) >= fromMs) &&
    (toMs === undefined || Date.parse(event.timestamp) <= toMs) &&
    (search === undefined || holds(event.correlation_id, search) || holds(event.scope, search));
}

function holds(text: string | undefined, part: string): boolean {
  return text?.toLowerCase().includes(part.toLowerCase()) ?? false;
}
