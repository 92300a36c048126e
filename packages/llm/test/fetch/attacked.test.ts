import { usd } from "@imprest/core";
import { createPriceTable, guardFetch, notBilled } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { data, events, json, post, provider } from "./provider.ts";

// What an attacker found.

const chat = "https://api.openai.com/v1/chat/completions";
const messages = [{ role: "user", content: "Hi" }];
const usage = (completion_tokens: number) => ({
  prompt_tokens: 9,
  completion_tokens,
  total_tokens: 9 + completion_tokens,
});
const chunk = (index: number, tokens: number, finish_reason: string | null = null) =>
  data({ choices: [{ index, delta: { content: "Hello" }, finish_reason }], usage: usage(tokens) });

describe("a stream of two answers", () => {
  async function settled(...parts: (string | Error)[]) {
    const books = await openBooks();
    const { fetch } = provider(() => events(...parts));
    const guarded = guardFetch(books.authority, { prices, fetch });
    const body = {
      model: "gpt-4o",
      max_tokens: 50,
      messages,
      stream: true,
      n: 2,
      stream_options: { include_usage: true },
    };
    await guarded(chat, post(body))
      .then((response) => response.text())
      .catch(() => {});
    return books.events.settlement.map(({ settlement: { charged, basis } }) => [Number(charged?.amount) / 1e8, basis]);
  }

  it("that breaks off after the first one has ended is charged more than the usage so far", async () => {
    const [[amount = 0, basis] = []] = await settled(chunk(0, 2, "stop"), chunk(1, 5), new Error("reset"));
    expect(basis).toBe("estimate");
    expect(amount).toBeGreaterThan(9 + 5);
  });

  it("that ends both is charged what the last usage states", async () => {
    const ended = await settled(chunk(0, 2, "stop"), chunk(1, 5), chunk(1, 6, "stop"), "data: [DONE]\n\n");
    expect(ended).toEqual([[9 + 6, "actual"]]);
  });
});

it("causes that refer to each other are no proof that nothing was billed, and looking ends", () => {
  const [one, other] = [new Error("one"), new Error("other")];
  Object.assign(one, { cause: other });
  Object.assign(other, { cause: one, errors: [one, other] });
  expect(notBilled(one)).toBe(false);
});

it("a list of allowed tools keeps an older function that is on it, and its choice", async () => {
  const books = await openBooks(10_000, { policy: [{ caps: { tool_allowlist: ["a"] } }] });
  const { fetch, reached } = provider(() => json({ model: "gpt-4o", choices: [], usage: usage(1) }));
  const guarded = guardFetch(books.authority, { prices, fetch });
  const functions = [{ name: "a" }, { name: "b" }];
  await guarded(chat, post({ model: "gpt-4o", max_tokens: 9, messages, functions, function_call: { name: "a" } }));
  expect(reached[0]?.body).toMatchObject({ functions: [{ name: "a" }], function_call: { name: "a" } });
});

it("a request for what is free that names an unknown level is answered, not thrown", async () => {
  const books = await openBooks();
  const { fetch, reached } = provider(() => json({ data: [] }));
  const guarded = guardFetch(books.authority, { prices, fetch });
  const response = await guarded("https://api.openai.com/v1/models", { headers: { "imprest-team": "red" } });
  expect(response.status).toBe(400);
  expect(reached).toEqual([]);
});

it("a refusal whose reason is another error's sentence has one full stop", async () => {
  const books = await openBooks();
  const { fetch } = provider(() => json({}));
  const guarded = guardFetch(books.authority, { prices, fetch });
  const answer = await guarded(chat, {
    ...post({ model: "gpt-5", messages, max_tokens: 5 }),
    headers: { "content-type": "application/json", "imprest-tenant": "another" },
  });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toMatch(/[^.]\. Nothing was sent\./);
});

describe("a method that is free, with what may make a server take it for another", () => {
  const body = JSON.stringify({ model: "gpt-4o", max_tokens: 50, messages });
  it.each<[string, string, RequestInit]>([
    ["a header that overrides it", chat, { method: "DELETE", body, headers: { "x-http-method-override": "POST" } }],
    ["an override in the address", `${chat}?_method=POST`, { method: "DELETE", body }],
    ["a body alone", chat, { method: "DELETE", body }],
  ])("is charged as that one: %s", async (_what, url, init) => {
    const books = await openBooks();
    const { fetch } = provider(() => json({ model: "gpt-4o", choices: [], usage: usage(3) }));
    await guardFetch(books.authority, { prices, fetch })(url, init);
    expect(books.settlements()).toEqual(["committed 12 actual"]);
  });

  it("is refused where nothing prices that one", async () => {
    const books = await openBooks();
    const { fetch, reached } = provider(() => json({}));
    const guarded = guardFetch(books.authority, { prices, fetch });
    const init = { method: "GET", headers: { "x-http-method-override": "POST" } };
    expect((await guarded("https://api.openai.com/v1/fine_tuning/jobs", init)).status).toBe(400);
    expect(reached).toEqual([]);
  });
});

describe("an authority's list of tools", () => {
  const call = { messages, input: "Hi", max_tokens: 50, max_output_tokens: 50 };
  const urls = {
    openai: [chat, "gpt-4o"],
    responses: ["https://api.openai.com/v1/responses", "gpt-4o"],
    anthropic: ["https://api.anthropic.com/v1/messages", "claude-3-haiku"],
    gemini: ["https://generativelanguage.googleapis.com/v1/models/gemini-2.0-flash:generateContent", undefined],
  } as const;

  async function sent(caps: Record<string, string[]>, wire: keyof typeof urls, more: object) {
    const books = await openBooks(10_000, { policy: [{ caps }] });
    const { fetch, reached } = provider(() => json({}));
    const [url, model] = urls[wire];
    const guarded = guardFetch(books.authority, { prices, fetch, estimate: () => usd(1_000) });
    const { status } = await guarded(url, post({ ...call, model, ...more }));
    return status === 200 ? reached[0]?.body : status;
  }

  const a = { type: "function", name: "a" };
  const mcp = (allowed_tools?: unknown) => ({ type: "mcp", server_label: "files", allowed_tools });

  it.each<[string, keyof typeof urls, object, string]>([
    ["servers of MCP", "anthropic", { mcp_servers: [{ name: "files", url: "https://x" }] }, "mcp_servers"],
    ["a search of a chat", "openai", { web_search_options: {} }, "web_search_options"],
    ["plugins", "openai", { plugins: [{ id: "web" }] }, "plugins"],
    ["a search by the name of an allowed function", "responses", { tools: [{ ...a, type: "web_search" }] }, "tools"],
    [
      "a custom tool behind a function",
      "openai",
      { tools: [{ type: "custom", custom: { name: "b" }, function: a }] },
      "tools",
    ],
    ["inner tools of MCP", "responses", { tools: [mcp(["b"])] }, "tools"],
    ["a server of MCP that names no tool", "responses", { tools: [mcp()] }, "tools"],
    [
      "a group of functions",
      "responses",
      { tools: [{ type: "namespace", name: "a", tools: [{ ...a, name: "b" }] }] },
      "tools",
    ],
    [
      "a choice of what was taken out",
      "openai",
      { tools: [a, { ...a, name: "b" }], tool_choice: { type: "function", function: { name: "b" } } },
      "tool_choice",
    ],
  ])("holds for %s", async (_what, wire, more, member) => {
    expect(await sent({ tool_allowlist: ["a"] }, wire, more)).not.toHaveProperty(member);
    expect(await sent({ tool_denylist: ["b", "web_search", "web", "files"] }, wire, more)).not.toHaveProperty(member);
  });

  it("holds for a tool of the provider's beside functions", async () => {
    const tools = [
      {
        functionDeclarations: [{ name: "a" }, { name: "b" }],
        function_declarations: [{ name: "b" }],
        googleSearch: {},
      },
    ];
    const body = await sent({ tool_allowlist: ["a"] }, "gemini", { tools });
    expect(body).toMatchObject({ tools: [{ functionDeclarations: [{ name: "a" }] }] });
    expect(JSON.stringify(body)).not.toMatch(/googleSearch|"b"/);
  });

  it("refuses a prompt that is kept at the provider", async () => {
    expect(await sent({ tool_allowlist: ["a"] }, "responses", { prompt: { id: "pmpt_1" } })).toBe(400);
  });

  it("leaves what is allowed", async () => {
    const tools = [a, mcp(["a"]), { type: "web_search" }];
    const choice = { type: "function", name: "a" };
    const body = await sent({ tool_allowlist: ["a", "web_search"] }, "responses", { tools, tool_choice: choice });
    expect(body).toMatchObject({ tools, tool_choice: choice });
  });
});

it.each([
  ["both settings", { generationConfig: { maxOutputTokens: 500 }, generation_config: { max_output_tokens: 500 } }],
  ["both spellings", { generationConfig: { maxOutputTokens: 3, max_output_tokens: 500 } }],
  ["the other spelling", { generation_config: { maxOutputTokens: 500 } }],
])("an authority's limit of the answer holds in every spelling: %s", async (_what, settings) => {
  const books = await openBooks(10_000, { policy: [{ caps: { max_tokens: 7 } }] });
  const { fetch, reached } = provider(() => json({}));
  const guarded = guardFetch(books.authority, { prices, fetch });
  const url = "https://generativelanguage.googleapis.com/v1/models/gemini-2.0-flash:generateContent";
  await guarded(url, post({ contents: [{ parts: [{ text: "Hi" }] }], ...settings }));
  const limits = Object.values(reached[0]?.body ?? {}).flatMap((part) => Object.values(part as object));
  expect(limits.filter((limit) => typeof limit === "number" && limit > 7)).toEqual([]);
  expect(limits).toContain(7);
});

describe("a redirect", () => {
  const body = { model: "gpt-4o", max_tokens: 50, messages };
  const secrets = { authorization: "Bearer k", "x-api-key": "k", "api-key": "k", "x-goog-api-key": "k" };
  const moved = (location: string, status = 307): Response => new Response(null, { status, headers: { location } });

  it("takes no credential and no prompt to another origin", async () => {
    const books = await openBooks();
    const { fetch, reached } = provider(() => moved("https://evil.example/v1/chat/completions"));
    const answer = await guardFetch(books.authority, { prices, fetch })(chat, post(body, { headers: secrets }));
    expect(answer.status).toBe(307);
    expect(reached.map(({ url }) => url)).toEqual([chat]);
    expect(books.settlements()).toEqual(["released"]);
  });

  it("is followed within the origin, and charged once", async () => {
    const books = await openBooks();
    const moving = ({ url }: { url: string }): Response =>
      url === chat ? moved("/v2/chat/completions") : json({ model: "gpt-4o", choices: [], usage: usage(3) });
    const { fetch, reached } = provider(moving);
    await guardFetch(books.authority, { prices, fetch })(chat, post(body, { headers: secrets }));
    expect(reached[1]?.url).toBe("https://api.openai.com/v2/chat/completions");
    expect(reached[1]?.headers.get("x-api-key")).toBe("k");
    expect(reached[1]?.body).toEqual(body);
    expect(books.settlements()).toEqual(["committed 12 actual"]);
  });

  it("of a download is followed without credentials", async () => {
    const books = await openBooks();
    const moving = ({ url }: { url: string }): Response =>
      url.includes("openai") ? moved("https://files.example/1", 302) : new Response("text");
    const { fetch, reached } = provider(moving);
    const guarded = guardFetch(books.authority, { prices, fetch });
    const answer = await guarded("https://api.openai.com/v1/files/1/content", { headers: secrets });
    expect(await answer.text()).toBe("text");
    expect(Object.keys(secrets).filter((name) => reached[1]?.headers.has(name))).toEqual([]);
  });

  it("is left to a caller that says how it is followed", async () => {
    const books = await openBooks();
    const seen: unknown[] = [];
    const fetch: typeof globalThis.fetch = async (_input, init) => {
      seen.push(init?.redirect);
      return json({ model: "gpt-4o", choices: [], usage: usage(3) });
    };
    await guardFetch(books.authority, { prices, fetch })(chat, post(body, { redirect: "error" }));
    expect(seen).toEqual(["error"]);
  });
});

describe("an image of a quality or a size that costs more", () => {
  const url = "https://api.openai.com/v1/images/generations";
  const body = { model: "dall-e", prompt: "x", quality: "hd", size: "1792x1024" };
  const drawn = () => json({ data: [{ url: "https://x" }] });

  it("is refused where the table has no price for it", async () => {
    const books = await openBooks();
    const { fetch, reached } = provider(drawn);
    const answer = await guardFetch(books.authority, { prices, fetch })(url, post(body));
    expect([answer.status, reached]).toEqual([400, []]);
    const noTokens = createPriceTable({ "dall-e": { per: { image: "2" }, input: "0", output: "0" } });
    const other = await guardFetch(books.authority, { prices: noTokens, fetch })(url, post(body));
    expect([other.status, reached]).toEqual([400, []]);
  });

  it("is charged by its own price", async () => {
    const books = await openBooks();
    const { fetch } = provider(drawn);
    const table = createPriceTable({ "dall-e": { per: { image: "2", "image-hd-1792x1024": "6" } } });
    const guarded = guardFetch(books.authority, { prices: table, fetch });
    await (await guarded(url, post(body))).text();
    await (await guarded(url, post({ ...body, quality: "standard", size: "1024x1024" }))).text();
    expect(books.settlements()).toEqual(["committed 6 actual", "committed 2 actual"]);
  });
});
