// docs/start.md: its blocks, one after the other.
import assert from "node:assert/strict";
// #region budget
import OpenAI from "openai";
import { createModelProvider } from "@imprest/testing/models";
import { createBudget, denialOf, formatAmount } from "imprest";

const prices = { "gpt-5.6": { input: "1.25", output: "10.00" } }; // dollars for a million tokens
const provider = createModelProvider({ prices }); // stands in for OpenAI, and keeps books of its own

const budget = createBudget({ limit: "$0.05", prices, fetch: provider.fetch });
const openai = new OpenAI({ apiKey: "none", fetch: budget.fetch });
// #endregion

// #region call
const answer = await openai.responses.create({ model: "gpt-5.6", input: "Tell me more.", max_output_tokens: 500 });
console.log(answer.output_text);
console.log("spent", formatAmount((await budget.balance()).spent));
// #endregion
assert.deepEqual((await budget.balance()).spent, provider.bill);

// #region stream
const stream = await openai.responses.create({
  model: "gpt-5.6",
  input: "Tell me more.",
  max_output_tokens: 500,
  stream: true,
});
for await (const event of stream) if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
// #endregion
assert.deepEqual((await budget.balance()).spent, provider.bill);

// #region part
const writer = budget.for({ agent: "writer" }, { limit: "$0.01" }); // one of the five cents
const writersOpenai = new OpenAI({ apiKey: "none", fetch: writer.fetch });
await writersOpenai.responses.create({ model: "gpt-5.6", input: "Write.", max_output_tokens: 500 });
// #endregion

// #region stop
try {
  for (;;) await openai.responses.create({ model: "gpt-5.6", input: "Tell me more.", max_output_tokens: 500 });
} catch (error) {
  const denial = denialOf(error); // undefined for every other error
  if (denial === undefined) throw error;
  console.log(denial.message); // the call was refused before it started
}
const { limit, spent, remaining } = await budget.balance();
console.log("spent", formatAmount(spent), "of", formatAmount(limit), "and", formatAmount(remaining), "is left");
console.log("The provider's own bill:", formatAmount(provider.bill));
// #endregion
assert.deepEqual(spent, provider.bill);
