import type { WireLease } from "@imprest/core/models/arcp";
import type { BudgetCounters } from "./budget-counters.ts";
import { Capability, patternCovers } from "./capability.ts";
import { budgetLimits, formatMoney } from "./money.ts";

/** The authority that a job has to give away. */
export interface DelegatingAuthority {
  readonly lease: WireLease;
  readonly budget: BudgetCounters;
  /** Epoch milliseconds. */
  readonly expiresAtMs?: number | undefined;
}

/** The authority that a delegated job asks for. */
export interface DelegatedAuthority {
  readonly lease: WireLease;
  /** Epoch milliseconds. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * Where a delegated lease would reach further than the one it comes from (ARCP §9.4); empty for a subset. Every pattern
 * must be covered by one pattern of the parent; every ceiling must fit what the parent has left and has not set aside;
 * the expiry must not be later. What cannot be shown to be covered counts as a violation.
 */
export function subsetViolations(child: DelegatedAuthority, parent: DelegatingAuthority): string[] {
  const violations: string[] = [];
  for (const [capability, patterns] of Object.entries(child.lease)) {
    if (capability === Capability.costBudget) continue;
    const wide = Object.hasOwn(parent.lease, capability) ? (parent.lease[capability] ?? []) : [];
    for (const pattern of patterns) {
      if (wide.some((candidate) => patternCovers(capability, candidate, pattern))) continue;
      violations.push(`${capability} "${pattern}" is not covered`);
    }
  }
  const ceilings = Object.hasOwn(child.lease, Capability.costBudget) ? child.lease[Capability.costBudget] : [];
  for (const [currency, units] of budgetLimits(ceilings ?? [])) {
    const available = parent.budget.available(currency);
    // A parent without any budget is not limited in it; one with a budget grants only currencies it has.
    if (available === undefined ? parent.budget.currencies.length > 0 : units > available) {
      violations.push(`cost.budget ${currency}:${formatMoney(units)} exceeds ${formatMoney(available ?? 0n)}`);
    }
  }
  if (parent.expiresAtMs !== undefined && (child.expiresAtMs ?? 0) > parent.expiresAtMs) {
    violations.push("expires_at is later than the delegating lease's");
  }
  return violations;
}
