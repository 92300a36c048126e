// docs/hosts/google.md: the SDK of Google Gen AI under a budget.
import assert from "node:assert/strict";
import { assertBilled, provider } from "./stand-in.ts";
// #region client
import { GoogleGenAI } from "@google/genai";
import { createBudget, denialOf } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const google = new GoogleGenAI({ httpOptions: { fetch: budget.fetch } });
// #endregion

// #region stream
const stream = await google.models.generateContentStream({
  model: "gemini-3-pro",
  contents: "Tell me more.",
  config: { maxOutputTokens: 300 },
});
for await (const chunk of stream) process.stdout.write(chunk.text ?? "");
// #endregion
await assertBilled(budget);

// #region denied
try {
  const config = { maxOutputTokens: 500 };
  for (;;) await google.models.generateContent({ model: "gemini-3-pro", contents: "Tell me more.", config });
} catch (error) {
  const denial = denialOf(error);
  if (denial === undefined) throw error;
  console.log(denial.reasonCode); // BUDGET_EXCEEDED
}
// #endregion
assert.ok(provider.calls.length > 2);
await assertBilled(budget);
