/** What names a budget across planes (Cycles governance §BudgetLedger). */
export function ledgerIdOf(tenant: string, scope: string, unit: string): string {
  return `${tenant}|${scope}|${unit}`;
}
