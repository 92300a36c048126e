// docs/hosts/anthropic.md: the SDK of Anthropic under a budget.
import assert from "node:assert/strict";
import { assertBilled, provider } from "./stand-in.ts";
// #region client
import Anthropic from "@anthropic-ai/sdk";
import { createBudget, denialOf } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const anthropic = new Anthropic({ fetch: budget.fetch });
// #endregion

// #region stream
const stream = anthropic.messages.stream({
  model: "claude-sonnet-5",
  max_tokens: 300,
  messages: [{ role: "user", content: "Tell me more." }],
});
stream.on("text", (text) => process.stdout.write(text));
await stream.finalMessage();
// #endregion
await assertBilled(budget);

// #region denied
try {
  for (;;) {
    await anthropic.messages.create({
      model: "claude-sonnet-5",
      max_tokens: 500,
      messages: [{ role: "user", content: "Tell me more." }],
    });
  }
} catch (error) {
  const denial = denialOf(error);
  if (denial === undefined) throw error;
  console.log(denial.reasonCode); // BUDGET_EXCEEDED
}
// #endregion
assert.ok(provider.calls.length > 2);
await assertBilled(budget);
