import { type Amount, formatAmount, subtractAmounts } from "@imprest/core";
import type { Balance } from "../../budget/balance.ts";

/** What one call came to. */
export interface Step {
  readonly number: number;
  readonly model: string;
  readonly isStreamed: boolean;
  readonly estimate: Amount;
  readonly cost: Amount;
  readonly isCapped: boolean;
}

const gaugeWidth = 30;
const columns = [4, 12, 9, 13, 13, 13] as const;

export function heading(limit: Amount): string {
  const titles = line("#", "model", "mode", "estimate", "actual", "refund", "budget left");
  return `An agent with a budget of ${formatAmount(limit)}. Every model call is reserved before it starts.\n\n${titles}`;
}

/** One line a call: what was held, what it cost, what came back, and how much is left. */
export function stepLine({ number, model, isStreamed, estimate, cost, isCapped }: Step, left: Balance): string {
  const mode = `${isStreamed ? "stream" : "whole"}${isCapped ? "*" : ""}`;
  const refund = subtractAmounts(estimate, cost);
  const cells = [String(number), model, mode, formatAmount(estimate), formatAmount(cost), formatAmount(refund)];
  return line(...cells, gauge(left));
}

/** The books when the agent has stopped, beside the provider's own. */
export function closingLedger({ limit, spent, reserved, remaining }: Balance, calls: number, bill: Amount): string {
  const rows = Object.entries({ limit, spent, reserved, remaining });
  const shown = rows.map(([name, value]) => `  ${name.padEnd(12)}${formatAmount(value).padStart(14)}\n`);
  return `\nThe closing ledger\n${shown.join("")}  The provider's own bill for ${calls} calls: ${formatAmount(bill)}.\n`;
}

function gauge({ limit, remaining }: Balance): string {
  const filled = limit.amount === 0n ? 0 : Number((remaining.amount * BigInt(gaugeWidth)) / limit.amount);
  return `${"█".repeat(filled)}${"░".repeat(gaugeWidth - filled)} ${formatAmount(remaining)}`;
}

function line(...cells: readonly string[]): string {
  return `${cells.map((cell, at) => cell.padEnd(columns[at] ?? 0)).join(" ")}\n`;
}
