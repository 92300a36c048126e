// docs/hosts/ai-sdk.md: the AI SDK under a budget, before a provider of the tests.
import assert from "node:assert/strict";
import { createModelProvider } from "@imprest/testing/models";
import { gateway, jsonSchema, stepCountIs, streamText, tool, wrapProvider } from "ai";
// #region call
import { openai } from "@ai-sdk/openai";
import { budgetLeft, budgetMiddleware } from "@imprest/ai-sdk";
import { generateText, wrapLanguageModel } from "ai";
import { createBudget, denialOf, usd } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$5.00", every: "day", prices });
const model = wrapLanguageModel({ model: openai("gpt-5.6"), middleware: budgetMiddleware(budget) });
// #endregion

const provider = createModelProvider({ prices });
globalThis.fetch = provider.fetch;
process.env["OPENAI_API_KEY"] = "test";
const books = async (): Promise<bigint> => (await budget.balance()).spent.amount;

const inputSchema = jsonSchema<{ readonly at: string }>({ type: "object", properties: { at: { type: "string" } } });
const tools = { look: tool({ inputSchema, execute: ({ at }) => `There is nothing at ${at}.` }) };
provider.next({ toolCalls: [{ name: "look", input: { at: "the door" } }] });
const prompt = "Look around.";

// #region loop
const { text, steps } = await generateText({
  model,
  prompt,
  tools,
  stopWhen: [stepCountIs(20), budgetLeft(budget, usd("0.02"))], // no step begins with less than two cents
});
// #endregion
assert.equal(steps.length, 2);
assert.notEqual(text, "");
assert.equal(await books(), provider.bill.amount);

// A reader that leaves: the stream is read to its end.
provider.next({ outputTokens: 200, eventDelayMs: 1 });
for await (const part of streamText({ model, prompt }).textStream) if (part !== "") break;
while ((await budget.balance()).reserved.amount > 0n) await new Promise((resolve) => setTimeout(resolve, 5));
assert.equal(await books(), provider.bill.amount);

// #region who
const writer = wrapLanguageModel({
  model: openai("gpt-5.6"),
  middleware: budgetMiddleware(budget.for({ agent: "writer" }, { limit: "$0.01" })), // a part of the five dollars
});
// #endregion

const answer = async (): Promise<string> => {
  // #region denied
  try {
    return (await generateText({ model: writer, prompt })).text;
  } catch (error) {
    const denial = denialOf(error); // undefined for every other error
    if (denial === undefined) throw error;
    return `The budget said no: ${denial.reasonCode}`;
  }
  // #endregion
};
assert.equal(await answer(), "The budget said no: BUDGET_EXCEEDED");

// #region string
const middleware = budgetMiddleware(budget);
globalThis.AI_SDK_DEFAULT_PROVIDER = wrapProvider({ provider: gateway, languageModelMiddleware: middleware });
// #endregion
assert.equal(globalThis.AI_SDK_DEFAULT_PROVIDER.languageModel("openai/gpt-5.6").modelId, "openai/gpt-5.6");
await budget.close();
