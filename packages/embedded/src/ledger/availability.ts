import type { Amount } from "@imprest/core";
import { type Budget, isOverLimit, remainingOf } from "./budget.ts";
import type { OveragePolicy } from "./overage-policy.ts";
import type { DenialDetail } from "./denial-detail.ts";
import { LedgerRefusal } from "./refusal.ts";
import type { Scopes } from "./scopes.ts";
import type { Tenant } from "./tenant.ts";

/** Why the budgets do not take a request; a reason code and an error code alike. */
export interface Denial {
  readonly reason:
    | "BUDGET_CLOSED"
    | "BUDGET_FROZEN"
    | "OVERDRAFT_LIMIT_EXCEEDED"
    | "DEBT_OUTSTANDING"
    | "BUDGET_EXCEEDED";
  readonly scope: string;
}

/**
 * The budgets of a unit at the scopes, outermost first; scopes without one are skipped (Cycles §SCOPE DERIVATION).
 * @throws LedgerRefusal NOT_FOUND when no scope has a budget in any unit, UNIT_MISMATCH when none has one in this unit
 * (Cycles §ERROR SEMANTICS).
 */
export function budgetsAt(tenant: Tenant | undefined, scopes: Scopes, unit: string): Budget[] {
  const found: Budget[] = [];
  let other: { readonly scope: string; readonly units: readonly string[] } | undefined;
  for (const scope of scopes.affected) {
    const byUnit = tenant?.budgets.get(scope);
    if (byUnit === undefined) continue;
    const budget = byUnit.get(unit);
    if (budget !== undefined) found.push(budget);
    else other = { scope, units: [...byUnit.keys()] };
  }
  // A copy without the growing array's spare room: reservations keep it.
  if (found.length > 0) return found.slice();
  if (other !== undefined) throw unitMismatch(other.scope, unit, other.units);
  throw new LedgerRefusal("NOT_FOUND", `Budget not found for provided scope: ${scopes.path}`);
}

/** What the budgets say of a charge beyond what is held: the innermost that says anything (Cycles governance §BudgetLedger). */
export function overagePolicyOf(budgets: readonly Budget[]): OveragePolicy | undefined {
  return budgets.findLast(({ overagePolicy }) => overagePolicy !== undefined)?.overagePolicy;
}

/** The hints let a client correct itself without another look-up. */
export function unitMismatch(scope: string, requested: string, expected: readonly string[]): LedgerRefusal {
  return new LedgerRefusal("UNIT_MISMATCH", `${scope} is kept in ${expected.join(", ")}, not in ${requested}.`, {
    scope,
    requestedUnit: requested,
    expectedUnits: expected,
  });
}

/** The first reason, in the order of precedence, why a new reservation of `estimate` is denied. */
export function denialOf(budgets: readonly Budget[], estimate: bigint): Denial | undefined {
  const inactive = inactiveAmong(budgets);
  if (inactive !== undefined) return inactive;
  // Cycles §ERROR SEMANTICS: over-limit takes precedence over outstanding debt, at whatever scope either stands.
  const overLimit = budgets.find(isOverLimit);
  if (overLimit !== undefined) return { reason: "OVERDRAFT_LIMIT_EXCEEDED", scope: overLimit.scopePath };
  const indebted = budgets.find(({ debt }) => debt > 0n);
  if (indebted !== undefined) return { reason: "DEBT_OUTSTANDING", scope: indebted.scopePath };
  const short = budgets.find((budget) => remainingOf(budget) < estimate);
  return short === undefined ? undefined : { reason: "BUDGET_EXCEEDED", scope: short.scopePath };
}

/** A closed budget among them, else a frozen one. */
export function inactiveAmong(budgets: readonly Budget[]): Denial | undefined {
  const inactive =
    budgets.find(({ status }) => status === "CLOSED") ?? budgets.find(({ status }) => status === "FROZEN");
  if (inactive === undefined) return undefined;
  return { reason: inactive.status === "CLOSED" ? "BUDGET_CLOSED" : "BUDGET_FROZEN", scope: inactive.scopePath };
}

const explanations: Readonly<Record<Denial["reason"], string>> = {
  BUDGET_CLOSED: "is closed",
  BUDGET_FROZEN: "is frozen until an operator unfreezes it",
  OVERDRAFT_LIMIT_EXCEEDED: "is over its limit until it is funded",
  DEBT_OUTSTANDING: "has debt that must be repaid first",
  BUDGET_EXCEEDED: "has too little left",
};

/** @param detail what would change the answer (Cycles v0.1.26 §ErrorResponseExtension). */
export function refusalOf({ reason, scope }: Denial, detail?: DenialDetail): LedgerRefusal {
  const hints = detail === undefined ? { scope } : { scope, denial: detail };
  return new LedgerRefusal(reason, `The budget of ${scope} ${explanations[reason]}.`, hints);
}

const fixes: Readonly<Record<Exclude<Denial["reason"], "BUDGET_EXCEEDED">, string>> = {
  BUDGET_CLOSED: "Create another budget",
  BUDGET_FROZEN: "Unfreeze the budget",
  OVERDRAFT_LIMIT_EXCEEDED: "Fund the budget, or raise its overdraft limit",
  DEBT_OUTSTANDING: "Repay the debt of the budget",
};

/** Which budget denied, what it has left, and what would change the answer (Cycles v0.1.26 §DenyDetail). */
export function detailOf(
  { reason, scope }: Denial,
  budgets: readonly Budget[],
  { unit, amount }: Amount,
): DenialDetail {
  const budget = budgets.find(({ scopePath }) => scopePath === scope);
  const remaining = budget && remainingOf(budget);
  const isShort = reason === "BUDGET_EXCEEDED" && remaining !== undefined;
  return {
    reasonCode: reason,
    blockedByScope: scope,
    ...(isShort && { budgetRemaining: remaining }),
    suggestedFix: isShort
      ? `Fund ${scope} budget by at least ${amount - remaining} ${unit}`
      : `${reason === "BUDGET_EXCEEDED" ? "Fund the budget" : fixes[reason]} of ${scope}`,
  };
}
