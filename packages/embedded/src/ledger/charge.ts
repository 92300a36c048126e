import { int64Max } from "@imprest/core/internal";
import { type Budget, remainingOf } from "./budget.ts";
import type { ChargePolicy, OverdraftRule } from "./overage-policy.ts";
import { LedgerRefusal } from "./refusal.ts";

/** What is charged, and by which rules. */
export interface Charge {
  readonly held: bigint;
  readonly actual: bigint;
  readonly policy: ChargePolicy;
  readonly overdraft: OverdraftRule;
}

/**
 * Charges `actual` to every budget, giving back the `held` amount first (0 for an event), all or nothing.
 * @returns what was charged: less than `actual` only when ALLOW_IF_AVAILABLE capped it.
 * @throws LedgerRefusal BUDGET_EXCEEDED (REJECT) or OVERDRAFT_LIMIT_EXCEEDED (ALLOW_WITH_OVERDRAFT).
 */
export function charge(budgets: readonly Budget[], { held, actual, policy, overdraft }: Charge): bigint {
  for (const budget of budgets) assertCountable(budget, actual);
  const overage = actual - held;
  const short = overage > 0n ? budgets.filter((budget) => remainingOf(budget) < overage) : [];
  if (short.length === 0 || policy === "CHARGE_OVERAGE") {
    for (const budget of budgets) book(budget, held, actual);
    return actual;
  }
  if (policy === "REJECT") throw exceeded(short, overage);
  // A scope without an overdraft limit behaves as under ALLOW_IF_AVAILABLE, and one charge holds for all scopes.
  const mayOverdraw = policy === "ALLOW_WITH_OVERDRAFT" && short.every(({ overdraftLimit }) => overdraftLimit > 0n);
  if (!mayOverdraw) return chargeAvailable(budgets, held, overage);
  const debts = new Map(short.map((budget) => [budget, overage - coveredOf(budget, overdraft)]));
  for (const [budget, debt] of debts) {
    if (budget.debt + debt > budget.overdraftLimit) throw overdraftExceeded(budget);
  }
  for (const budget of budgets) {
    const debt = debts.get(budget) ?? 0n;
    book(budget, held, actual - debt);
    budget.debt += debt;
  }
  return actual;
}

/** A budget's books are int64 on every wire; one that lies on the way there takes no more (CHARGE_OVERAGE knows no cap). */
function assertCountable({ spent, debt, scopePath }: Budget, actual: bigint): void {
  if (spent + debt + actual <= int64Max) return;
  throw new LedgerRefusal("INVALID_REQUEST", `The spend of ${scopePath} would exceed ${int64Max}.`, {
    scope: scopePath,
  });
}

/** How much of an overage a budget that lacks some of it pays. */
function coveredOf(budget: Budget, overdraft: OverdraftRule): bigint {
  const remaining = remainingOf(budget);
  return overdraft === "overage" || remaining < 0n ? 0n : remaining;
}

/** Caps the overage at what every scope still has, and flags the scopes that could not cover it. */
function chargeAvailable(budgets: readonly Budget[], held: bigint, overage: bigint): bigint {
  let available = overage;
  for (const budget of budgets) {
    const remaining = remainingOf(budget);
    if (remaining < overage) budget.capped = true;
    if (remaining < available) available = remaining;
  }
  const charged = held + (available > 0n ? available : 0n);
  for (const budget of budgets) book(budget, held, charged);
  return charged;
}

function book(budget: Budget, held: bigint, charged: bigint): void {
  budget.reserved -= held;
  budget.spent += charged;
}

function exceeded(short: readonly Budget[], overage: bigint): LedgerRefusal {
  const scope = short[0]?.scopePath ?? "";
  return new LedgerRefusal("BUDGET_EXCEEDED", `The remaining budget of ${scope} does not cover ${overage}.`, { scope });
}

function overdraftExceeded({ scopePath }: Budget): LedgerRefusal {
  return new LedgerRefusal(
    "OVERDRAFT_LIMIT_EXCEEDED",
    `The charge would take the debt of ${scopePath} beyond its overdraft limit.`,
    { scope: scopePath },
  );
}
