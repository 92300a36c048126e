// docs/hosts/langchain.md: an agent of LangChain under a budget, before a provider of the tests.
import assert from "node:assert/strict";
import { createModelProvider } from "@imprest/testing/models";
// #region call
import { budgetMiddleware } from "@imprest/langchain";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, tool } from "langchain";
import { createBudget, denialOf } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$5.00", every: "day", prices });
const model = new ChatOpenAI({ model: "gpt-5.6", configuration: { fetch: budget.fetch } });
const middleware = [budgetMiddleware(budget)];
// #endregion

const provider = createModelProvider({ prices });
globalThis.fetch = provider.fetch;
process.env["OPENAI_API_KEY"] = "test";

const schema = { type: "object", properties: { at: { type: "string" } }, required: ["at"] } as const;
const look = tool(() => "There is nothing.", { name: "look", description: "Looks at a place.", schema });
provider.next({ toolCalls: [{ name: "look", input: { at: "the door" } }] });

// #region agent
const agent = createAgent({ model, tools: [look], middleware });
const { messages } = await agent.invoke({ messages: [{ role: "user", content: "Look around." }] });
// #endregion
assert.equal(messages.length, 4);
assert.equal((await budget.balance()).spent.amount, provider.bill.amount);

// #region who
const writers = budget.for({ agent: "writer" }, { limit: "$0.01" }); // a part of the five dollars
const writer = createAgent({ model, middleware: [budgetMiddleware(writers, { onDenied: "end" })] });
// #endregion
const ended = await writer.invoke({ messages: [{ role: "user", content: "Write." }] });
assert.equal(ended.messages.at(-1)?.response_metadata["finish_reason"], "budget_denied");

const strict = createAgent({ model, middleware: [budgetMiddleware(writers)] });
const answer = async (): Promise<string> => {
  // #region denied
  try {
    return (await strict.invoke({ messages: [{ role: "user", content: "Write." }] })).messages.at(-1)?.text ?? "";
  } catch (error) {
    const denial = denialOf(error); // undefined for every other error
    if (denial === undefined) throw error;
    return `The budget said no: ${denial.reasonCode}`;
  }
  // #endregion
};
assert.equal(await answer(), "The budget said no: BUDGET_EXCEEDED");
assert.equal(provider.calls.length, 2);
await budget.close();
