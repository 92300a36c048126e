import { type Budget, remainingOf } from "./budget.ts";
import type { ChargePolicy } from "./overage-policy.ts";
import { LedgerRefusal } from "./refusal.ts";

/**
 * Charges `actual` to every budget, giving back the `held` amount first (0 for an event), all or nothing.
 * @returns what was charged: less than `actual` only when ALLOW_IF_AVAILABLE capped it.
 * @throws LedgerRefusal BUDGET_EXCEEDED (REJECT) or OVERDRAFT_LIMIT_EXCEEDED (ALLOW_WITH_OVERDRAFT).
 */
export function charge(budgets: readonly Budget[], held: bigint, actual: bigint, policy: ChargePolicy): bigint {
  const overage = actual - held;
  const short = overage > 0n ? budgets.filter((budget) => remainingOf(budget) < overage) : [];
  if (short.length === 0 || policy === "CHARGE_OVERAGE") {
    for (const budget of budgets) book(budget, held, actual);
    return actual;
  }
  if (policy === "REJECT") throw exceeded(short, overage);
  // By the letter of the spec the whole overage becomes debt where it is not covered, not only the part that lacks.
  // A scope without an overdraft limit behaves as under ALLOW_IF_AVAILABLE, and one charge holds for all scopes.
  const mayOverdraw = policy === "ALLOW_WITH_OVERDRAFT" && short.every(({ overdraftLimit }) => overdraftLimit > 0n);
  if (!mayOverdraw) return chargeAvailable(budgets, held, overage);
  const overdrawn = short.find((budget) => budget.debt + overage > budget.overdraftLimit);
  if (overdrawn !== undefined) throw overdraftExceeded(overdrawn);
  for (const budget of budgets) {
    if (!short.includes(budget)) book(budget, held, actual);
    else {
      book(budget, held, held);
      budget.debt += overage;
    }
  }
  return actual;
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
