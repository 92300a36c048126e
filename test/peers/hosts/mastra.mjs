// docs/hosts/mastra.md: an agent of Mastra under a budget. test/peers/hosts.test.ts runs it among the installed SDKs.
import assert from "node:assert/strict";
import { createModelProvider } from "@imprest/testing/models";
import { formatAmount } from "imprest";
// #region agent
import { createOpenAI } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";
import { createBudget, denialOf } from "imprest";

const prices = { "gpt-5.6": { input: "1.25", output: "10.00", maxInputTokens: 5_000 } }; // dollars per million tokens
const budget = createBudget({ limit: "$0.05", prices });
const openai = createOpenAI({ fetch: budget.fetch });

const lookUp = createTool({
  id: "look_up",
  description: "Looks up a word.",
  inputSchema: z.object({ word: z.string() }),
  execute: async ({ word }) => `${word}: money advanced for a purpose.`,
});
const writer = new Agent({
  id: "writer",
  name: "writer",
  instructions: "Answer in a sentence.",
  model: openai("gpt-5.6"),
  tools: { lookUp },
});
// #endregion

const provider = createModelProvider({ prices: { "gpt-5.6": { input: "1.25", output: "10.00" } } });
globalThis.fetch = provider.fetch;
process.env["OPENAI_API_KEY"] = "none";

provider.next({ toolCalls: [{ name: "look_up", input: { word: "imprest" } }] });
// #region run
const { text } = await writer.generate("What is an imprest?", { modelSettings: { maxOutputTokens: 300 } });
console.log(text); // two calls to the model, each reserved and charged by itself
// #endregion
assert.equal(provider.calls.length, 2);

// #region denied
try {
  for (;;) await writer.generate("Tell me more.", { modelSettings: { maxOutputTokens: 500 } });
} catch (error) {
  const denial = denialOf(error); // undefined for every other error
  if (denial === undefined) throw error;
  console.log(denial.reasonCode); // BUDGET_EXCEEDED
}
// #endregion
await budget.flush();
const { spent } = await budget.balance();
assert.equal(formatAmount(spent), formatAmount(provider.bill));
