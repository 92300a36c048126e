// packages/testing/README.md, docs/guides/testing.md: what an agent spends with a model, tested without one.
import assert from "node:assert/strict";
// #region provider
import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPriceTable, guardFetch } from "@imprest/llm";
import { createModelProvider } from "@imprest/testing/models";

const prices = { "gpt-5": { input: "1.25", output: "10.00" } }; // written once, for both
const provider = createModelProvider({ prices });

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "test" }, allocated: usd("1.00") });
const fetch = guardFetch(embedded.authority({ tenant: "test" }), {
  prices: createPriceTable(prices),
  fetch: provider.fetch, // in place of the network
});
// #endregion

async function agent(send: typeof globalThis.fetch): Promise<number> {
  const messages = [{ role: "user", content: "Hello" }];
  const response = await send("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5", max_completion_tokens: 500, messages }),
  });
  await response.text();
  return response.status;
}

// #region directives
provider.next(
  { fault: { kind: "status", status: 429 } }, // refused, and charged nothing
  { fault: { kind: "status", status: 502, form: "bare", billed: true } }, // charged, and lost on its way
  { outputTokens: 200 }, // answered
);
const statuses = [await agent(fetch), await agent(fetch), await agent(fetch)];
assert.deepEqual(statuses, [429, 502, 200]);
// #endregion

// #region bill
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "test" }, unit: "USD_MICROCENTS" });
assert.ok(spent >= provider.bill.amount); // the ledger is never below the bill
assert.equal(reserved, 0n);
assert.deepEqual(
  provider.calls.map(({ state, counts }) => [state, counts.output]),
  [
    ["refused", 0],
    ["refused", 14], // its answer never arrived
    ["answered", 200],
  ],
);
// #endregion
await embedded.close();
