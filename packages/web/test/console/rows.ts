import type { Activity, BudgetRow } from "imprest/internal";

export function budget(scope: string, parts: Partial<BudgetRow> = {}): BudgetRow {
  const row = { id: scope, tenant: "acme", scope, unit: "USD_MICROCENTS", allocated: "100", spent: "0", reserved: "0" };
  return { ...row, debt: "0", remaining: "100", isOverLimit: false, ...parts };
}

export function event(number: number, parts: Partial<Activity> = {}): Activity {
  return { number, atMs: number, kind: "reserved", tenant: "acme", scope: "tenant:acme", ...parts };
}
