import type { AuthIntrospectResponse } from "@imprest/core/models/cycles/governance";
import type { Caller } from "./caller.ts";

/** What every tenant's key may do here (Cycles governance §Permission). */
const tenantPermissions = [
  "reservations:create",
  "reservations:commit",
  "reservations:release",
  "reservations:extend",
  "reservations:list",
  "balances:read",
  "budgets:read",
  "events:read",
  "webhooks:read",
  "action_quotas:read",
];

/** What a permission opens (Cycles governance §AuthIntrospectResponse, CAPABILITY DERIVATION). */
const tenantCapabilities: Readonly<Record<string, boolean>> = {
  view_overview: false,
  view_budgets: true,
  view_events: true,
  view_webhooks: true,
  view_audit: false,
  view_tenants: false,
  view_api_keys: false,
  view_policies: false,
  view_reservations: true,
  manage_budgets: false,
  manage_policies: false,
  manage_webhooks: false,
  manage_tenants: false,
  manage_api_keys: false,
  manage_reservations: true,
};

const allCapabilities: Readonly<Record<string, boolean>> = Object.fromEntries(
  Object.keys(tenantCapabilities).map((name) => [name, true]),
);

/** GET /v1/auth/introspect */
export function introspection(caller: Caller): AuthIntrospectResponse {
  if (caller.role === "admin") {
    return { authenticated: true, auth_type: "admin", permissions: ["*"], capabilities: allCapabilities };
  }
  return {
    authenticated: true,
    auth_type: "tenant",
    permissions: tenantPermissions,
    capabilities: tenantCapabilities,
    tenant_id: caller.tenant,
    ...(caller.within && { scope_filter: [...caller.within] }),
  };
}
