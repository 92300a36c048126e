import { type Amount, compareAmounts } from "@imprest/core";

/**
 * A stop condition: ends a tool loop before its next step once less than `least` remains.
 * @example
 * const stopWhen = [stepCountIs(20), budgetLeft(budget, usd("0.02"))];
 * const { text } = await generateText({ model, prompt, tools, stopWhen });
 */
export function budgetLeft(
  budget: { balance(): Promise<{ readonly remaining: Amount }> },
  least: Amount,
): () => Promise<boolean> {
  return async () => compareAmounts((await budget.balance()).remaining, least) < 0;
}
