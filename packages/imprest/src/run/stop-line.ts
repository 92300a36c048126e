import { type Amount, formatAmount } from "@imprest/core";
import type { Balance } from "../budget/balance.ts";

/** Whose budget a run spends, as its options name it. */
export interface RunBudgetName {
  readonly every?: string | undefined;
  readonly store?: string | undefined;
  readonly server?: string | undefined;
}

/**
 * What is printed when `--on-limit stop` ends a program: which budget denied a call, how it stands, and what helps.
 * `balance` is absent where the authority gives none.
 */
export function stopLine(
  program: string,
  reasonCode: string | undefined,
  balance: Balance | undefined,
  { every, store, server }: RunBudgetName,
): string {
  const budget = server === undefined ? (store ?? "this run") : server;
  const stands = balance === undefined ? "" : `, with ${stateOf(balance)}`;
  const raise = "Start it again with a higher --budget.";
  const anew = every === undefined ? raise : `${raise} It begins anew each ${every}.`;
  const help = server === undefined ? anew : "Who keeps that budget can raise it.";
  return `imprest run: ended ${program}: the budget of ${budget} denied a call (${reasonCode ?? "DENY"})${stands}. ${help}\n`;
}

function stateOf({ limit, spent, reserved, remaining }: Balance): string {
  const [most, paid, held, left] = [limit, spent, reserved, remaining].map((amount: Amount) => formatAmount(amount));
  return `${paid} of ${most} spent, ${held} held, ${left} left`;
}
