import { createPriceTable, guardFetch } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { openBooks } from "./books.ts";
import { data, events, json, named, post, provider } from "./provider.ts";

// A dollar a token and a hundred thousand a search: what was booked for searches is read off at sight.
const perToken = { input: "1000000", output: "1000000", maxOutputTokens: 50 };
const search = 100_000;
const per = {
  webSearch: String(search),
  fileSearch: "200000",
  codeInterpreterSession: "300000",
  codeExecution: "400000",
};
const prices = createPriceTable({
  "claude-3-haiku": { ...perToken, per },
  "gpt-4o": { ...perToken, per },
  "gemini-2.0-flash": { ...perToken, per },
  "gemini-3-flash": { ...perToken, per },
  "gpt-4-unpriced": perToken,
});

const messages = [{ role: "user", content: "Hi" }];
const contents = [{ parts: [{ text: "Hi" }] }];
const calls = {
  anthropic: {
    url: "https://api.anthropic.com/v1/messages",
    body: { model: "claude-3-haiku", max_tokens: 50, messages },
  },
  responses: {
    url: "https://api.openai.com/v1/responses",
    body: { model: "gpt-4o", max_output_tokens: 50, input: "Hi" },
  },
  chat: { url: "https://api.openai.com/v1/chat/completions", body: { model: "gpt-4o", max_tokens: 50, messages } },
  gemini2: { url: "https://g.test/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse", body: { contents } },
  gemini3: { url: "https://g.test/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse", body: { contents } },
} as const;

/** One call; what it was charged, its basis, and whether it reached the provider. */
async function charged(
  name: keyof typeof calls,
  more: object,
  answer: () => Response,
  options: Partial<Parameters<typeof guardFetch>[1]> = {},
) {
  const books = await openBooks(10_000_000);
  const { fetch, reached } = provider(answer);
  const guarded = guardFetch(books.authority, { prices, fetch, extraInputTokens: 100, ...options });
  const response = await guarded(calls[name].url, post({ ...calls[name].body, ...more }));
  const text = await response.text().catch(() => "broken");
  const { spent, reserved } = await books.read();
  expect(reserved).toBe(0);
  const [event] = books.events.settlement;
  return { status: response.status, text, spent, reached: reached.length, basis: event?.settlement.basis };
}

/** How many of what costs so much a charge holds. */
const held = (spent: number, price = search): number => Math.floor(spent / price);

const claudeSearch = { type: "web_search_20250305", name: "web_search", max_uses: 5 };
const start = named({
  type: "message_start",
  message: {
    model: "claude-3-haiku",
    usage: { input_tokens: 9, output_tokens: 1, server_tool_use: { web_search_requests: 0 } },
  },
});
const use = (index: number, name = "web_search") =>
  named({
    type: "content_block_start",
    index,
    content_block: { type: "server_tool_use", id: `s${index}`, name, input: {} },
  });
const done = (web_search_requests: number) =>
  named({
    type: "message_delta",
    delta: { stop_reason: "end_turn" },
    usage: { input_tokens: 80, output_tokens: 20, server_tool_use: { web_search_requests } },
  }) + named({ type: "message_stop" });

const item = (kind: string, id: string, more: object = {}) =>
  ["added", "done"]
    .map((step) => named({ type: `response.output_item.${step}`, item: { type: `${kind}_call`, id, ...more } }))
    .join("");
const completed = (more: object) =>
  named({
    type: "response.completed",
    response: {
      model: "gpt-4o",
      status: "completed",
      usage: { input_tokens: 80, output_tokens: 20, total_tokens: 100 },
      ...more,
    },
  });

describe("searches at the provider", () => {
  it("are charged as the provider states them where the stream is whole", async () => {
    const tools = [claudeSearch];
    const whole = await charged("anthropic", { tools, stream: true }, () => events(start, use(0), use(1), done(1)));
    expect(whole).toMatchObject({ spent: 100 + search, basis: "actual", reached: 1 });
  });

  it.each([0, 1, 3, 5])("of a stream that is cut are charged as often as its events show: %i", async (count) => {
    const tools = [claudeSearch];
    const uses = Array.from({ length: count }, (_, index) => use(index));
    const cut = await charged("anthropic", { tools, stream: true }, () => events(start, ...uses, new Error("reset")));
    expect(cut.basis).toBe("estimate");
    expect(held(cut.spent)).toBe(count);
    // What a search has read is a part of the prompt that the first event does not count.
    expect(cut.spent - count * search).toBeGreaterThan(count === 0 ? 9 : 109);
  });

  it("that the stream shows beyond the limit are charged all the same", async () => {
    const tools = [{ ...claudeSearch, max_uses: 1 }];
    const cut = await charged("anthropic", { tools, stream: true }, () =>
      events(start, use(0), use(1), new Error("reset")),
    );
    expect(held(cut.spent)).toBe(2);
  });

  it("are held as often as the request allows, and charged so where nothing was answered", async () => {
    const tools = [claudeSearch];
    const lost = await charged("anthropic", { tools }, () => new Response("oops", { status: 500 }));
    expect(lost).toMatchObject({ status: 500, basis: "estimate" });
    expect(held(lost.spent)).toBe(5);
  });

  it("cost nothing where they cost their tokens alone", async () => {
    const tools = [{ type: "web_fetch_20250910", name: "web_fetch" }];
    const fetched = [use(0, "web_fetch"), use(1, "web_fetch")];
    const cut = await charged("anthropic", { tools, stream: true }, () =>
      events(start, ...fetched, new Error("reset")),
    );
    expect(held(cut.spent)).toBe(0);
  });
});

describe("what OpenAI's tools are charged by the call", () => {
  const tools = [{ type: "web_search" }, { type: "file_search", vector_store_ids: ["v"] }];

  it("is counted in an answer whose usage does not state it", async () => {
    const output = [
      { type: "file_search_call", id: "f1" },
      { type: "file_search_call", id: "f2" },
      { type: "message", id: "m" },
    ];
    const usage = { input_tokens: 80, output_tokens: 20, total_tokens: 100 };
    const whole = await charged("responses", { tools, max_tool_calls: 3 }, () =>
      json({ model: "gpt-4o", output, usage }),
    );
    expect(whole).toMatchObject({ spent: 100 + 4 * search, basis: "actual" });
  });

  it("is not counted again where the usage states it", async () => {
    const searches = [item("web_search", "w1", { action: { type: "search" } }), item("web_search", "w2")];
    const end = completed({ tool_usage: { web_search: { num_requests: 1 } } });
    const whole = await charged("responses", { tools, max_tool_calls: 3, stream: true }, () =>
      events(...searches, end),
    );
    expect(whole).toMatchObject({ spent: 100 + search, basis: "actual" });
  });

  it("is charged by the items of a stream that is cut, each once; a page that was opened is none", async () => {
    const seen = [
      item("web_search", "w1", { action: { type: "search" } }),
      item("web_search", "w2", { action: { type: "open_page" } }),
      item("file_search", "f1"),
    ];
    const cut = await charged("responses", { tools, max_tool_calls: 9, stream: true }, () =>
      events(...seen, new Error("reset")),
    );
    expect(cut.basis).toBe("estimate");
    expect(held(cut.spent)).toBe(1 + 2);
  });

  it("is a session for a container, however often code ran in it", async () => {
    const code = [{ type: "code_interpreter", container: { type: "auto" } }];
    const ran = [
      item("code_interpreter", "c1", { container_id: "a" }),
      item("code_interpreter", "c2", { container_id: "a" }),
    ];
    const whole = await charged("responses", { tools: code, stream: true }, () => events(...ran, completed({})));
    expect(whole).toMatchObject({ spent: 100 + 3 * search, basis: "actual" });
  });

  it("is one search of a chat whose answer cites pages", async () => {
    const annotations = [{ type: "url_citation" }, { type: "url_citation" }];
    const choices = [{ index: 0, finish_reason: "stop", message: { content: "x", annotations } }];
    const usage = { prompt_tokens: 80, completion_tokens: 20, total_tokens: 100 };
    const whole = await charged("chat", { web_search_options: {} }, () => json({ model: "gpt-4o", choices, usage }));
    expect(whole).toMatchObject({ spent: 100 + search, basis: "actual" });
  });
});

describe("searches that Gemini grounds an answer on", () => {
  const tools = [{ googleSearch: {} }];
  const usageMetadata = { promptTokenCount: 80, candidatesTokenCount: 20, totalTokenCount: 100 };
  const part = (modelVersion: string, more: object = {}) =>
    data({ modelVersion, usageMetadata, candidates: [{ index: 0, content: { parts: [{ text: "x" }] }, ...more }] });
  const grounded = { finishReason: "STOP", groundingMetadata: { webSearchQueries: ["a", "b"] } };

  it.each([
    ["gemini2", "gemini-2.0-flash", 1],
    ["gemini3", "gemini-3-flash", 2],
  ] as const)("are charged by the prompt or by the query, as the model is: %s", async (name, model, count) => {
    const options = { extraUnits: { webSearch: 4 } };
    const whole = await charged(name, { tools }, () => events(part(model), part(model, grounded)), options);
    expect(whole).toMatchObject({ spent: 100 + count * search, basis: "actual" });
  });

  it("are charged as often as they are allowed where the stream is cut before it names them", async () => {
    const options = { extraUnits: { webSearch: 4 }, hidesReasoning: () => false };
    const cut = await charged("gemini3", { tools }, () => events(part("gemini-3-flash"), new Error("reset")), options);
    expect(cut.basis).toBe("estimate");
    expect(held(cut.spent)).toBe(4);
  });
});

describe("a tool that is charged by the call", () => {
  it.each<[string, keyof typeof calls, object]>([
    ["Anthropic's search", "anthropic", { tools: [{ ...claudeSearch, max_uses: null }] }],
    ["OpenAI's search", "responses", { tools: [{ type: "web_search_preview_2025_03_11" }] }],
    ["Google's search beside functions", "gemini3", { tools: [{ functionDeclarations: [], googleSearch: {} }] }],
  ])("is refused where no limit bounds it, unless extraUnits does: %s", async (_name, wire, more) => {
    const answer = () => new Response("oops", { status: 500 });
    const refused = await charged(wire, more, answer);
    expect(refused).toMatchObject({ status: 400, reached: 0, spent: 0 });
    expect(refused.text).toContain("extraUnits: { webSearch");
    const sent = await charged(wire, more, answer, { extraUnits: { webSearch: 2 } });
    expect([sent.reached, held(sent.spent)]).toEqual([1, 2]);
  });

  it.each([
    ["a search", [{ type: "web_search" }], "per.webSearch"],
    ["a tool that nobody knows yet", [{ type: "future_tool_20270101" }], "per.futureTool"],
    [
      "a shell in a container",
      [{ type: "shell", environment: { type: "container_auto" } }],
      "per.codeInterpreterSession",
    ],
  ])("is refused where it has no price: %s", async (_name, tools, price) => {
    const more = { tools, model: "gpt-4-unpriced", max_tool_calls: 1 };
    const refused = await charged("responses", more, () => json({}));
    expect(refused).toMatchObject({ status: 400, reached: 0 });
    expect(refused.text).toContain(price);
  });
});
