import { createPriceTable, guardFetch } from "@imprest/llm";
import { expect, it } from "vitest";
import { openBooks } from "./books.ts";
import { json, post, provider } from "./provider.ts";

const prices = createPriceTable({
  "gpt-4o": { input: "1000000", output: "1000000", per: { webSearch: "3" }, maxOutputTokens: 50 },
});
const request = { model: "gpt-4o", input: "Hi" };
const usage = { input_tokens: 9, output_tokens: 3, total_tokens: 12 };
const nothing = { web_search: { num_requests: 0 }, image_gen: { input_tokens: 0, output_tokens: 0 } };

it.each([
  ["no tool was used", { tool_usage: nothing }, /^committed 12 actual$/],
  ["the provider searched", { tool_usage: { ...nothing, web_search: { num_requests: 2 } } }, /^committed 18 actual$/],
  ["a tool drew", { tool_usage: { ...nothing, image_gen: { output_tokens: 1_056 } } }, /^committed 3\d\d estimate$/],
  ["another model drew", { svg_usage: { model: "m", output_tokens: 5 } }, /^committed 3\d\d estimate$/],
])("what OpenAI states beside the usage is charged, or the bound is: %s", async (_name, beside, settlement) => {
  const books = await openBooks();
  const { fetch } = provider(() => json({ model: "gpt-4o", status: "completed", output: [], usage, ...beside }));
  const guarded = guardFetch(books.authority, { prices, fetch });
  await (await guarded("https://api.openai.com/v1/responses", post(request))).text();
  expect(books.settlements()).toEqual([expect.stringMatching(settlement)]);
});
