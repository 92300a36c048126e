import { flatCopy } from "./flat-text.ts";
import { type Budget, isOverLimit, remainingOf } from "./budget.ts";

/**
 * The books of some budgets at one moment, as one text: replays repeat the balances of the first answer (Cycles
 * §IDEMPOTENCY), and of every answer this is all that is kept of them.
 */
export type Snapshot = string;

/** The balance of one scope as an answer states it. `remaining` = allocated - spent - reserved - debt. */
export interface ScopeBalance {
  readonly scopePath: string;
  readonly unit: string;
  readonly allocated: bigint;
  readonly spent: bigint;
  readonly reserved: bigint;
  readonly debt: bigint;
  readonly remaining: bigint;
  readonly overdraftLimit: bigint;
  readonly isOverLimit: boolean;
}

export function snapshotOf(budgets: readonly Budget[]): Snapshot {
  let text = "";
  for (const budget of budgets) {
    const { allocated, spent, reserved, debt, overdraftLimit } = budget;
    if (text !== "") text += ";";
    text += `${allocated} ${spent} ${reserved} ${debt} ${overdraftLimit}${isOverLimit(budget) ? " over" : ""}`;
  }
  // What is kept must not drag along the parts that it was joined of.
  return flatCopy(text);
}

/** The balances of budgets as they stand. */
export function balancesOf(budgets: readonly Budget[]): ScopeBalance[] {
  return budgets.map((budget) => {
    const { scopePath, unit, allocated, spent, reserved, debt, overdraftLimit } = budget;
    const amounts = { allocated, spent, reserved, debt, remaining: remainingOf(budget), overdraftLimit };
    return { scopePath, unit, ...amounts, isOverLimit: isOverLimit(budget) };
  });
}

/** @param scopePaths of the budgets, in the order in which the snapshot was made. */
export function readSnapshot(snapshot: Snapshot, scopePaths: readonly string[], unit: string): ScopeBalance[] {
  if (snapshot === "") return [];
  return snapshot.split(";").map((text, at) => {
    const [allocated = 0n, spent = 0n, reserved = 0n, debt = 0n, overdraftLimit = 0n] = text
      .split(" ", 5)
      .map((amount) => BigInt(amount));
    const remaining = allocated - spent - reserved - debt;
    const amounts = { allocated, spent, reserved, debt, remaining, overdraftLimit };
    return { scopePath: scopePaths[at] ?? "", unit, ...amounts, isOverLimit: text.endsWith(" over") };
  });
}
