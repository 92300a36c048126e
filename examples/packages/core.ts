// packages/core/README.md: a function that guards itself.
import assert from "node:assert/strict";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const authority = embedded.authority({ tenant: "acme" });
const model = {
  async complete(text: string, { signal }: { readonly signal: AbortSignal }) {
    signal.throwIfAborted();
    return { text: text.slice(0, 8), usage: { prompt_tokens: text.length, completion_tokens: 100 } };
  },
};

// #region guard
import { guard, usd } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";

const prices = createPriceTable({ model: { input: "5.00", output: "15.00" } }); // per million tokens

const summarise = guard(
  authority, // any SpendAuthority: embedded, Cycles, ASP, an ARCP lease
  (_text: string) => ({ estimate: usd("0.02"), action: { kind: "llm.completion", name: "summarise" } }),
  async ({ signal }, text: string) => model.complete(text, { signal }),
  { spend: ({ usage }) => prices.price("model", usage), partial: "estimate" }, // partial: when the call fails
);
// #endregion

assert.equal((await summarise("a long text")).text, "a long t");
const { spent } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(spent, prices.price("model", { prompt_tokens: 11, completion_tokens: 100 })?.amount);
await embedded.close();
