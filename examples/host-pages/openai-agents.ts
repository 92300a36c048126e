// docs/hosts/openai-agents.md: agents of OpenAI's SDK, each with a budget of its own.
import assert from "node:assert/strict";
import { assertBilled, provider } from "./stand-in.ts";
import { setTracingDisabled } from "@openai/agents";
// #region agent
import { Agent, OpenAIProvider, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { type Budget, createBudget, denialOf } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const runnerOf = ({ fetch }: Budget) =>
  new Runner({ modelProvider: new OpenAIProvider({ openAIClient: new OpenAI({ fetch }) }) });

const lookUp = tool({
  name: "look_up",
  description: "Looks up a word.",
  parameters: z.object({ word: z.string() }),
  execute: ({ word }) => `${word}: money advanced for a purpose.`,
});
const writer = new Agent({ name: "writer", model: "gpt-5.6", tools: [lookUp], modelSettings: { maxTokens: 300 } });
// #endregion
setTracingDisabled(true);

provider.next({ toolCalls: [{ name: "look_up", input: { word: "imprest" } }] });
// #region run
const { finalOutput } = await runnerOf(budget).run(writer, "What is an imprest?");
console.log(finalOutput); // two calls to the model, each reserved and charged by itself
// #endregion
assert.equal(provider.calls.length, 2);
await assertBilled(budget);

// #region part
const part = runnerOf(budget.for({ agent: "writer" }, { limit: "$0.02" })); // two of the five cents
try {
  for (;;) await part.run(writer, "Tell me more.");
} catch (error) {
  const denial = denialOf(error);
  if (denial === undefined) throw error;
  console.log(denial.reasonCode); // BUDGET_EXCEEDED
}
// #endregion
await assertBilled(budget);
