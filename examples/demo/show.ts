import { type Amount, Unit, formatAmount, subtractAmounts } from "@imprest/core";
import type { BudgetBalance } from "@imprest/embedded";

/** What one call came to. */
export interface Step {
  readonly number: number;
  readonly model: string;
  readonly streamed: boolean;
  readonly estimate: Amount;
  readonly cost: Amount;
  readonly capped: boolean;
}

const gaugeWidth = 30;
const columns = [4, 12, 9, 13, 13, 13] as const;

export function showHeading(budget: Amount): void {
  console.log(`An agent with a budget of ${formatAmount(budget)}. Every model call reserves first, over HTTP.\n`);
  console.log(line("#", "model", "mode", "estimate", "actual", "refund", "budget left"));
}

/** One line a call: what was held, what it cost, what came back, and how much is left. */
export function showStep({ number, model, streamed, estimate, cost, capped }: Step, left: BudgetBalance): void {
  const mode = `${streamed ? "stream" : "whole"}${capped ? "*" : ""}`;
  const refund = subtractAmounts(estimate, cost);
  const cells = [String(number), model, mode, formatAmount(estimate), formatAmount(cost), formatAmount(refund)];
  console.log(line(...cells, gauge(left)));
}

export function showLedger(charged: Amount, left: BudgetBalance, calls: number, bill: Amount | undefined): void {
  const rows: [string, Amount][] = [
    ["allocated", dollars(left.allocated)],
    ["spent", dollars(left.spent)],
    ["reserved", dollars(left.reserved)],
    ["debt", dollars(left.debt)],
    ["remaining", dollars(left.remaining)],
  ];
  console.log("\nThe closing ledger");
  for (const [name, value] of rows) console.log(`  ${name.padEnd(12)}${formatAmount(value).padStart(14)}`);
  console.log(`  ${calls} calls charged ${formatAmount(charged)} in all.`);
  if (bill) console.log(`  The provider's own bill: ${formatAmount(bill)}.`);
}

function gauge({ allocated, remaining }: BudgetBalance): string {
  const filled = allocated === 0n ? 0 : Number((remaining * BigInt(gaugeWidth)) / allocated);
  return `${"█".repeat(filled)}${"░".repeat(gaugeWidth - filled)} ${formatAmount(dollars(remaining))}`;
}

function line(...cells: readonly string[]): string {
  return cells.map((cell, at) => cell.padEnd(columns[at] ?? 0)).join(" ");
}

function dollars(amount: bigint): Amount {
  return { unit: Unit.usdMicrocents, amount };
}
