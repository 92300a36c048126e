// docs/hosts/openai.md: the SDK of OpenAI under a budget.
import assert from "node:assert/strict";
import { assertBilled, provider } from "./stand-in.ts";
// #region client
import OpenAI from "openai";
import { createBudget, denialOf } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const openai = new OpenAI({ fetch: budget.fetch });
// #endregion

// #region stream
const stream = await openai.chat.completions.create({
  model: "gpt-5.6",
  messages: [{ role: "user", content: "Tell me more." }],
  max_completion_tokens: 300,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
// #endregion
await assertBilled(budget);

provider.next({ toolCalls: [{ name: "look_up", input: { word: "imprest" } }] });
// #region tools
const runner = openai.chat.completions.runTools({
  model: "gpt-5.6",
  messages: [{ role: "user", content: "What is an imprest?" }],
  max_completion_tokens: 300,
  tools: [
    {
      type: "function",
      function: {
        name: "look_up",
        description: "Looks up a word.",
        parameters: { type: "object", properties: { word: { type: "string" } } },
        parse: JSON.parse,
        function: ({ word }: { word: string }) => `${word}: money advanced for a purpose.`,
      },
    },
  ],
});
console.log(await runner.finalContent()); // two calls, each reserved and charged by itself
// #endregion
assert.equal(provider.calls.length, 3);
await assertBilled(budget);

// #region denied
try {
  for (;;) await openai.responses.create({ model: "gpt-5.6", input: "Tell me more.", max_output_tokens: 500 });
} catch (error) {
  const denial = denialOf(error); // undefined for every other error
  if (denial === undefined) throw error;
  console.log(denial.reasonCode); // BUDGET_EXCEEDED
}
// #endregion
await assertBilled(budget);
