import { type Amount, type SpendEvents, formatAmount } from "@imprest/core";
import type { Balance } from "../budget/balance.ts";

/** The models of a run that are listed by name; more are counted alone. */
const mostModels = 100;

/** What a run did, counted as it happens. */
export class Tally {
  /** Requests that came to the budget, free ones included. */
  passed = 0;
  calls = 0;
  denied = 0;
  estimates = 0;
  #spent = 0n;
  readonly #models = new Map<string, { calls: number; spent: bigint }>();

  settled({ settlement, call }: SpendEvents["settlement"]): void {
    const { status, basis, charged } = settlement;
    if (status !== "committed" && status !== "recorded") return;
    this.calls += 1;
    if (basis === "estimate") this.estimates += 1;
    const amount = charged?.amount ?? 0n;
    this.#spent += amount;
    const given = call?.action.name ?? "unnamed";
    const model = this.#models.has(given) || this.#models.size < mostModels ? given : "other models";
    const of = this.#models.get(model) ?? { calls: 0, spent: 0n };
    this.#models.set(model, { calls: of.calls + 1, spent: of.spent + amount });
  }

  /** What is printed after the program has ended. */
  summary({ limit, reserved, remaining }: Balance): string {
    if (this.passed === 0) {
      return "NOT BUDGETED: no request of this program passed the gateway. If it calls a model, it does so by another way (docs/run.md).\n";
    }
    const money = (amount: bigint, { unit }: Amount = limit): string => formatAmount({ unit, amount });
    const models = [...this.#models].map(
      ([name, of]) => `  ${printed(name)}: ${calls(of.calls)}, ${money(of.spent)}\n`,
    );
    const parts = [calls(this.calls), `spent ${money(this.#spent)} of ${formatAmount(limit)}`];
    if (this.denied > 0) parts.push(`${this.denied} denied`);
    if (this.estimates > 0) parts.push(`${this.estimates} settled by an estimate`);
    if (reserved.amount > 0n) parts.push(`${formatAmount(reserved)} still held`);
    parts.push(`${formatAmount(remaining)} left`);
    return `imprest run: ${parts.join(", ")}\n${models.join("")}`;
  }
}

function calls(count: number): string {
  return count === 1 ? "1 call" : `${count} calls`;
}

/** A model's name comes from the program; it draws nothing on a terminal. */
function printed(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 128);
}
