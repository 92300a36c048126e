// docs/start.md: a budget, a guarded call, and what happens when the budget is used up.
import assert from "node:assert/strict";
// #region setup
import { DeniedError, formatAmount, guard, usd } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.03") });
const authority = embedded.authority({ tenant: "acme" });

/** Stands in for your provider: it answers in 400 tokens, and states them as OpenAI does. */
const model = {
  async complete(prompt: string, { signal }: { signal?: AbortSignal } = {}) {
    signal?.throwIfAborted();
    return { text: `About ${prompt}: it depends.`, usage: { prompt_tokens: prompt.length, completion_tokens: 400 } };
  },
};
// #endregion

// #region guard
const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } }); // per million tokens

const ask = guard(
  authority,
  { estimate: usd("0.02"), action: { kind: "llm.completion", name: "demo-large" } },
  ({ signal }, prompt: string) => model.complete(prompt, { signal }),
  {
    spend: ({ usage }) => prices.price("demo-large", usage),
    partial: "estimate", // a call that fails may have been billed
  },
);
// #endregion

// #region run
let answers = 0;
try {
  for (;;) {
    await ask("how an agent should handle money");
    answers += 1;
  }
} catch (error) {
  if (!DeniedError.isInstance(error)) throw error;
  console.log(`${answers} answers, then: ${error.reasonCode}`);
}
const { spent, remaining, unit } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
console.log(`spent ${formatAmount({ unit, amount: spent })}, left ${formatAmount({ unit, amount: remaining })}`);
// #endregion

assert.equal(answers, 2);
assert.equal(spent + remaining, usd("0.03").amount);
assert.equal(spent, 2n * (prices.price("demo-large", { prompt_tokens: 32, completion_tokens: 400 })?.amount ?? 0n));
await embedded.close();
