// README.md, docs/start.md: a loop of model calls that a budget ends. With a key of OpenAI's: `node budget.ts`; without
// one, against a provider that stands in: `OPENAI_API_KEY=none node --import ./stand-in.ts budget.ts`.
// #region budget
import OpenAI from "openai";
import { createBudget, denialOf, formatAmount } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices }); // every: "day" makes it a daily budget
const openai = new OpenAI({ fetch: budget.fetch }); // loops, streams, tools, retries: every attempt counts
try {
  for (;;) await openai.responses.create({ model: "gpt-5.6", input: "Tell me more.", max_output_tokens: 500 });
} catch (error) {
  const denial = denialOf(error);
  if (!denial) throw error;
  console.log(denial.message); // the call was refused before it started
}
console.log("spent", formatAmount((await budget.balance()).spent));
// #endregion
