import type { BudgetRow } from "./console-wire.ts";

/** A whole number as JSON carries it, of a length that no honest amount exceeds. */
export function isAmount(text: string): boolean {
  return /^-?\d{1,60}$/.test(text);
}

/** Whether nothing is left of it. A budget that is closed or frozen is not used up. */
export function isUsedUp({ remaining, status }: Pick<BudgetRow, "remaining" | "status">): boolean {
  return isAmount(remaining) && BigInt(remaining) <= 0n && (status === undefined || status === "ACTIVE");
}

/**
 * What runs out first comes first: what is used up, then by time, then by the exact share that is left, then by name.
 * What is no amount counts as nothing left of nothing.
 */
export function bySoonest(left: BudgetRow, right: BudgetRow): number {
  const [leftEnd, rightEnd] = [endOf(left), endOf(right)];
  if (leftEnd !== rightEnd) return leftEnd < rightEnd ? -1 : 1;
  const [ofLeft, ofRight] = [shareOf(left), shareOf(right)];
  const [leftShare, rightShare] = [ofLeft.remaining * ofRight.allocated, ofRight.remaining * ofLeft.allocated];
  if (leftShare !== rightShare) return leftShare < rightShare ? -1 : 1;
  return left.scope < right.scope ? -1 : Number(left.scope > right.scope);
}

function endOf(row: BudgetRow): number {
  return isUsedUp(row) ? -Infinity : (row.exhaustsAtMs ?? Infinity);
}

/** A fraction with a denominator above zero, without which the order would go in circles. */
function shareOf(row: BudgetRow): { readonly remaining: bigint; readonly allocated: bigint } {
  const [remaining, allocated] = [wholeOf(row.remaining), wholeOf(row.allocated)];
  return allocated > 0n ? { remaining, allocated } : { remaining: 0n, allocated: 1n };
}

function wholeOf(text: string): bigint {
  return isAmount(text) ? BigInt(text) : 0n;
}
