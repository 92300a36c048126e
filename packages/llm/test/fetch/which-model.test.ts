import { createPriceTable, guardFetch } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { openBooks } from "./books.ts";
import { json, post, provider } from "./provider.ts";

// The model that is billed is the one that is priced, wherever a request names it.

/** A dollar a token, and ten. */
const prices = createPriceTable({
  cheap: { input: "1000000", output: "1000000" },
  dear: { input: "10000000", output: "10000000" },
});
const request = { model: "cheap", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const chat = "https://openrouter.ai/api/v1/chat/completions";
const answered = (model?: string) => (): Response =>
  json({ model, choices: [{ message: { content: "Hello" }, finish_reason: "stop" }], usage });

async function run(url: string, body: object, answer: () => Response, dollars = 100_000) {
  const books = await openBooks(dollars);
  const { fetch, reached } = provider(answer);
  const reports: unknown[] = [];
  const guarded = guardFetch(books.authority, { prices, fetch, onReport: (report) => reports.push(report) });
  const response = await guarded(url, post(body));
  const said = await response.text();
  return { status: response.status, said, reached, reports, settled: books.settlements() };
}

describe("the model that a path names wins over the body's", () => {
  it.each([
    ["Azure's deployment", "https://x.openai.azure.com/openai/deployments/dear/chat/completions", answered()],
    [
      "Vertex' model",
      "https://us-east5-aiplatform.googleapis.com/v1/publishers/anthropic/models/dear:rawPredict",
      () => json({ type: "message", usage: { input_tokens: 9, output_tokens: 3 } }),
    ],
  ])("%s", async (_what, url, answer) => {
    expect((await run(url, request, answer)).settled).toEqual(["committed 120 actual"]);
  });

  it("and is refused where it has no price", async () => {
    const url = "https://x.openai.azure.com/openai/deployments/unknown/chat/completions";
    const { status, reached } = await run(url, request, answered());
    expect([status, reached]).toEqual([400, []]);
  });
});

describe("a request that names several models", () => {
  const spellings: readonly [string, object][] = [
    ["OpenRouter's models", { models: ["cheap", "dear"] }],
    ["LiteLLM's fallbacks", { fallbacks: [{ cheap: ["dear"] }] }],
    ["fallbacks that are requests", { fallbacks: [{ model: "dear", max_tokens: 9 }] }],
    ["the AI gateway's models", { providerOptions: { gateway: { models: ["dear"] } } }],
  ];

  it.each(spellings)("holds what the dearest can cost, and is charged as what answered: %s", async (_what, more) => {
    const body = { ...request, ...more };
    const held = (Buffer.byteLength(JSON.stringify(body)) + 256 + 50) * 10;
    expect((await run(chat, body, answered("dear"), held - 1)).status).toBe(402);
    expect((await run(chat, body, answered("dear"), held)).settled).toEqual(["committed 120 actual"]);
    expect((await run(chat, body, answered("cheap"))).settled).toEqual(["committed 12 actual"]);
    expect((await run(chat, body, answered())).settled).toEqual(["committed 120 actual"]);
  });

  it.each([
    ["a list", { models: ["cheap", "unknown"] }],
    ["fallbacks", { fallbacks: [{ cheap: ["unknown"] }] }],
    ["a preset", { preset: "mine" }],
  ])("is refused where one has no price: %s", async (_what, more) => {
    const { status, said, reached } = await run(chat, { ...request, ...more }, answered("dear"));
    expect([status, reached]).toEqual([400, []]);
    expect(said).toContain("has no price");
  });

  it("is charged the estimate, and reported, where an unknown model answered", async () => {
    const body = { ...request, models: ["cheap", "dear"] };
    const { settled, reports } = await run(chat, body, answered("unknown"));
    const held = (Buffer.byteLength(JSON.stringify(body)) + 256 + 50) * 10;
    expect(settled).toEqual([`committed ${held} estimate`]);
    expect(reports).toMatchObject([{ kind: "usage-unknown", model: "cheap" }]);
  });

  it("is priced by its first model where it names no other", async () => {
    const { model: _none, ...body } = request;
    const { settled } = await run(chat, { ...body, models: ["dear", "cheap"] }, answered("dear"));
    expect(settled).toEqual(["committed 120 actual"]);
  });
});

it("a form whose field is given twice is refused, because a server decides which one holds", async () => {
  const books = await openBooks();
  const { fetch, reached } = provider(() => json({ data: [] }));
  const form = new FormData();
  for (const n of ["10", "1"]) form.append("n", n);
  form.set("model", "cheap");
  const guarded = guardFetch(books.authority, { prices, fetch });
  const answer = await guarded("https://api.openai.com/v1/images/edits", { method: "POST", body: form });
  expect([answer.status, reached]).toEqual([400, []]);
});
