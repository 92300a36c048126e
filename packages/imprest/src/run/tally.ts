import { type SpendEvents, Unit, formatAmount } from "@imprest/core";
import type { Balance } from "../budget/balance.ts";

/** The models of a run that are listed by name; more are counted alone. */
const mostModels = 100;
/** The reasons of refusals that are printed; what comes after them is counted alone. */
const mostReasons = 5;

/** What a run did, counted as it happens. */
export class Tally {
  /** Requests that came to the budget, free ones included. */
  passed = 0;
  calls = 0;
  denied = 0;
  estimates = 0;
  #refused = 0;
  readonly #reasons = new Set<string>();
  #spent = 0n;
  #unit: string = Unit.usdMicrocents;
  readonly #models = new Map<string, { calls: number; spent: bigint }>();

  settled({ settlement, call }: SpendEvents["settlement"]): void {
    const { status, basis, charged } = settlement;
    if (status !== "committed" && status !== "recorded") return;
    this.calls += 1;
    if (basis === "estimate") this.estimates += 1;
    const { amount, unit } = charged ?? { amount: 0n, unit: this.#unit };
    this.#spent += amount;
    this.#unit = unit;
    const given = call?.action.name ?? "unnamed";
    const model = this.#models.has(given) || this.#models.size < mostModels ? given : "other models";
    const of = this.#models.get(model) ?? { calls: 0, spent: 0n };
    this.#models.set(model, { calls: of.calls + 1, spent: of.spent + amount });
  }

  /** A request could not be priced or bounded, and was not sent. */
  refused(reason: string): void {
    this.#refused += 1;
    if (this.#reasons.size < mostReasons) this.#reasons.add(reason);
  }

  /** What is printed after the program has ended. `balance` is absent where the authority gives none. */
  summary(balance: Balance | undefined): string {
    if (this.passed === 0) {
      return "NOT BUDGETED: no request of this program passed the gateway. If it calls a model, it does so by another way (docs/run.md).\n";
    }
    const unit = balance?.limit.unit ?? this.#unit;
    const money = (amount: bigint): string => formatAmount({ unit, amount });
    const parts = [calls(this.calls), `spent ${money(this.#spent)}`];
    if (balance !== undefined) parts[1] += ` of ${formatAmount(balance.limit)}`;
    if (this.denied > 0) parts.push(`${this.denied} denied`);
    if (this.#refused > 0) parts.push(`${this.#refused} refused`);
    if (this.estimates > 0) parts.push(`${this.estimates} settled by an estimate`);
    if (balance === undefined) parts.push("the authority does not say what is left");
    else {
      const { reserved, remaining } = balance;
      if (reserved.amount > 0n) parts.push(`${formatAmount(reserved)} still held`);
      parts.push(`${formatAmount(remaining)} left`);
    }
    const models = Array.from(
      this.#models,
      ([name, of]) => `  ${printed(name, 128)}: ${calls(of.calls)}, ${money(of.spent)}\n`,
    );
    const reasons = Array.from(this.#reasons, (reason) => `  refused: ${printed(reason, 300)}\n`);
    return `imprest run: ${parts.join(", ")}\n${models.join("")}${reasons.join("")}`;
  }
}

function calls(count: number): string {
  return count === 1 ? "1 call" : `${count} calls`;
}

/** Names and reasons come from the program and its providers; they draw nothing on a terminal. */
function printed(text: string, most: number): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, most);
}
