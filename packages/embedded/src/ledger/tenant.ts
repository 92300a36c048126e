import type { Budget } from "./budget.ts";

/** An owner of budgets, reservations and API keys. Only the ledger writes it. */
export interface Tenant {
  readonly name: string;
  status: "ACTIVE" | "CLOSED";
  closedAtMs: number | undefined;
  /** By scope path, then by unit. */
  readonly budgets: Map<string, Map<string, Budget>>;
}

/** A tenant, as an operator sees it. */
export interface TenantInfo {
  readonly name: string;
  readonly status: Tenant["status"];
}

export function newTenant(name: string): Tenant {
  return { name, status: "ACTIVE", closedAtMs: undefined, budgets: new Map() };
}

export function* budgetsOf(tenant: Tenant): Generator<Budget> {
  for (const byUnit of tenant.budgets.values()) yield* byUnit.values();
}
