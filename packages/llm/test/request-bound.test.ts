import { ValidationError, usd } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** One dollar for each input token, so that an amount reads as a count; nothing for the output. */
const counting = createPriceTable({ m: { input: "1000000", output: "0" } });
const utf8Length = (text: string): number => new TextEncoder().encode(text).length;
const tokensOf = (request: unknown, options = {}): number =>
  Number(counting.estimateRequest("m", request, options).amount / 100_000_000n);

const prices = createPriceTable({
  plain: { input: "2", output: "10" },
  cached: {
    input: "2",
    cachedInput: "0.2",
    cacheWrite: "2.5",
    cacheWrite1h: "4",
    cacheWrite12h: "5",
    output: "10",
    audioInput: "40",
  },
  limited: {
    input: "2",
    output: "10",
    maxInputTokens: 1_000,
    maxOutputTokens: 500,
    per: { webSearch: "0", novaGrounding: "0", source: "0" },
  },
  tiered: {
    input: "2",
    output: "10",
    above: [{ promptTokens: 1_000, input: "4", output: "20" }],
    tiers: { priority: { input: "3", output: "15" } },
    multipliers: { region: { us: "1.1" }, speed: { fast: "6" } },
  },
  embedding: { input: "2", output: "0" },
  fee: { input: "0", output: "0", per: { request: "0.005" } },
});
const messages = [{ role: "user", content: "hi" }];

describe("estimateRequest", () => {
  it.each([
    ["Chinese", "预算授权在代理行动之前保留"],
    ["emoji", "👩‍👩‍👧‍👦🏳️‍🌈"],
    ["Cyrillic", "бюджет исполнения"],
    ["text of control characters", "\u0000\u0001\u0002"],
  ])("counts at least a token for each byte of the text: %s", (_name, content) => {
    expect(tokensOf({ messages: [{ role: "user", content }] })).toBeGreaterThanOrEqual(utf8Length(content));
  });

  it.each<[string, object]>([
    ["many prompts", { prompt: Array.from({ length: 500 }, () => "hi"), max_tokens: 100 }],
    ["many prompts as tokens", { prompt: Array.from({ length: 500 }, () => [1, 2]), max_tokens: 100 }],
    ["candidateCount", { generationConfig: { candidateCount: 500, maxOutputTokens: 100 } }],
    ["candidate_count", { generation_config: { candidate_count: 500, max_output_tokens: 100 } }],
    [
      "candidate_count in the other spelling's settings",
      { generationConfig: { candidate_count: 500 }, max_tokens: 100 },
    ],
    ["numGenerations", { numGenerations: 500, max_tokens: 100 }],
    ["n answers to each of several prompts", { prompt: ["a", "b"], n: 250, max_tokens: 100 }],
  ])("counts every answer that is asked for: %s", (_name, request) => {
    const answers = createPriceTable({ m: { input: "0", output: "1000000" } });
    expect(Number(answers.estimateRequest("m", request).amount / 100_000_000n)).toBe(500 * 100);
  });

  it("takes a prompt as tokens for one prompt", () => {
    const answers = createPriceTable({ m: { input: "0", output: "1000000" } });
    const request = { prompt: [1, 2, 3], max_tokens: 100 };
    expect(Number(answers.estimateRequest("m", request).amount / 100_000_000n)).toBe(100);
  });

  it.each<[string, object]>([
    ["reasoning", { type: "reasoning", id: "rs_1", summary: [] }],
    ["a message", { type: "message", id: "msg_1" }],
    ["an item without a type", { id: "msg_1" }],
    ["a compaction", { type: "compaction", id: "cmp_1" }],
    [
      "what a search found",
      { type: "file_search_call", id: "fs_1", queries: ["x"], results: null, status: "completed" },
    ],
  ])("does not take an item by its id for its few bytes: %s", (_name, item) => {
    const request = { input: [item], max_output_tokens: 10 };
    expect(() => prices.estimateRequest("plain", request)).toThrow(ValidationError);
    expect(prices.estimateRequest("limited", request)).toEqual(
      prices.estimate("limited", { inputTokens: 1_000, maxOutputTokens: 10 }),
    );
  });

  it.each<[string, object]>([
    ["reasoning", { type: "reasoning", id: "rs_1", encrypted_content: "x" }],
    ["a message", { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "x" }] }],
    ["a call", { type: "function_call", id: "fc_1", call_id: "c", name: "f", arguments: "{}" }],
    ["a call of a chat", { type: "function", id: "c", function: { name: "f", arguments: "{}" } }],
    ["a use of a tool", { type: "tool_use", id: "c", name: "f", input: {} }],
  ])("counts an item that is there whole by its bytes: %s", (_name, item) => {
    const request = { input: [item], max_output_tokens: 10 };
    expect(() => prices.estimateRequest("plain", request)).not.toThrow();
  });

  it("law: no text of any script is counted lower than its bytes, wherever it stands", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }), (said, described) => {
        const tool = {
          type: "function",
          function: { name: "f", description: described, parameters: { type: "object" } },
        };
        const request = { messages: [{ role: "user", content: said }], tools: [tool] };
        expect(tokensOf(request)).toBeGreaterThanOrEqual(utf8Length(said) + utf8Length(described));
      }),
    );
  });

  it("adds what a provider writes around the messages, and more where there are tools", () => {
    const request = { messages };
    const tools = [{ name: "f", input_schema: { type: "object", properties: { image: { type: "string" } } } }];
    expect(tokensOf(request)).toBe(utf8Length(JSON.stringify(request)) + 256);
    expect(tokensOf({ messages, tools })).toBe(utf8Length(JSON.stringify({ messages, tools })) + 256 + 1_024);
  });

  it("asks a tokenizer of the caller's own, and believes only whole numbers", () => {
    expect(tokensOf({ messages }, { tokens: (text: string) => text.length / text.length })).toBe(257);
    expect(() => tokensOf({ messages }, { tokens: () => 0.5 })).toThrow("/tokens: 0.5 is not a whole number");
  });

  it.each([
    ["OpenAI chat", { max_completion_tokens: 100 }],
    ["chat of others", { max_tokens: 100 }],
    ["OpenAI responses", { max_output_tokens: 100 }],
    ["Gemini", { generationConfig: { maxOutputTokens: 100 } }],
    ["Bedrock", { inferenceConfig: { maxTokens: 100 } }],
  ])("takes the limit of the answer from the request: %s", (_name, limit) => {
    const table = createPriceTable({ m: { input: "0", output: "10", maxOutputTokens: 7 } });
    expect(table.estimateRequest("m", { messages, ...limit })).toEqual(usd("0.001"));
    expect(table.estimateRequest("m", { messages, ...limit, n: 3 })).toEqual(usd("0.003"));
    expect(table.estimateRequest("m", { messages })).toEqual(usd("0.00007"));
  });

  it("refuses a request whose answer nothing limits, but not an embedding", () => {
    expect(() => prices.estimateRequest("plain", { messages })).toThrow("set max_tokens, or add maxOutputTokens");
    expect(prices.estimateRequest("embedding", { input: "hi" }).amount).toBeGreaterThan(0n);
    expect(() => prices.estimateRequest("plain", { messages, max_tokens: 1.5 })).toThrow("/request/max_tokens");
    expect(() => prices.estimateRequest("unlisted", { messages })).toThrow('"unlisted" has no price');
  });

  it.each([
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://x.test" } }] }] },
      "/content/0",
    ],
    [{ messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url: "x" } }] }] }, "/content/0"],
    [
      { messages: [{ role: "user", content: [{ type: "file", data: "aGk=", mediaType: "application/pdf" }] }] },
      "/content/0",
    ],
    [{ contents: [{ parts: [{ fileData: { fileUri: "x" } }] }] }, "fileData"],
    [{ input: "hi", previous_response_id: "resp_1" }, "/request/previous_response_id"],
    [{ prompt: { id: "pmpt_1" } }, "/request/prompt"],
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, "/request/input/0"],
    [{ messages: [{ role: "assistant", audio: { id: "audio_1" } }] }, "/request/messages/0/audio"],
  ])("takes the longest prompt of the table for what the request only points at: %o", (request, pointer) => {
    const limited = { ...request, max_tokens: 0 };
    expect(prices.estimateRequest("limited", limited)).toEqual(usd("0.002"));
    expect(() => prices.estimateRequest("plain", limited)).toThrow(pointer);
    const bytes = BigInt(utf8Length(JSON.stringify(limited)) + 256 + 5_000);
    expect(prices.estimateRequest("plain", limited, { extraInputTokens: 5_000 }).amount).toBe(bytes * 200n);
  });

  it("never counts more than the longest prompt of the table", () => {
    const long = { messages: [{ role: "user", content: "x".repeat(9_000) }], max_tokens: 0 };
    expect(prices.estimateRequest("limited", long)).toEqual(usd("0.002"));
  });

  it.each([
    { tools: [{ type: "web_search_20250305", name: "web_search" }] },
    { tools: [{ googleSearch: {} }] },
    { tools: [{ type: "namespace", name: "group", tools: [{ type: "web_search" }] }] },
    { config: { tools: [{ codeExecution: {} }] } },
    { toolConfig: { tools: [{ systemTool: { name: "nova_grounding" } }] } },
    { context_management: { edits: [{ type: "compact_20260112" }] } },
    { plugins: [{ id: "web" }] },
    { search_parameters: { mode: "on" } },
  ])("refuses what lets the provider read without a limit: %o", (asked) => {
    const request = { messages, max_tokens: 5, ...asked };
    expect(() => prices.estimateRequest("limited", request)).toThrow(ValidationError);
    expect(() => prices.estimateRequest("limited", request)).toThrow("extraInputTokens");
    expect(prices.estimateRequest("limited", request, { extraInputTokens: 90_000 }).amount).toBeGreaterThan(
      90_000n * 200n,
    );
  });

  it.each<[string, object, object, number]>([
    ["the limit of a tool", { tools: [{ type: "web_search_20250305", max_uses: 3 }] }, {}, 3],
    [
      "the AI SDK's limit of one",
      { tools: [{ type: "provider", id: "anthropic.web_search_20250305", args: { maxUses: 3 } }] },
      {},
      3,
    ],
    ["the limit of all tools", { tools: [{ type: "web_search" }], max_tool_calls: 4 }, {}, 4],
    ["what the caller states", { tools: [{ type: "web_search" }] }, { extraUnits: { webSearch: 5 } }, 5],
    [
      "the request's limit before the caller's",
      { tools: [{ type: "web_search", max_uses: 3 }] },
      { extraUnits: { webSearch: 5 } },
      3,
    ],
    ["a search for each answer of a chat", { web_search_options: {}, n: 2 }, {}, 2],
    ["OpenRouter's plugin", { plugins: [{ id: "web" }] }, { extraUnits: { webSearch: 5 } }, 5],
    [
      "two tools, each by its own limit",
      {
        tools: [
          { type: "web_search", max_uses: 1 },
          { googleSearch: {}, functionDeclarations: [] },
        ],
      },
      { extraUnits: { webSearch: 5 } },
      6,
    ],
    [
      "none for a tool that costs its tokens alone",
      { tools: [{ type: "web_fetch_20250910" }, { urlContext: {} }, { codeExecution: {} }, { type: "mcp" }] },
      {},
      0,
    ],
    [
      "what was called, where the answer has ended",
      { tools: [{ type: "web_search", max_uses: 3 }] },
      { calledUnits: { webSearch: 2 } },
      2,
    ],
  ])("holds for calls that are charged apiece: %s", (_name, more, options, searches) => {
    const table = createPriceTable({ m: { input: "0", output: "0", per: { webSearch: "0.01" } } });
    const request = { messages, max_tokens: 5, ...more };
    const estimate = table.estimateRequest("m", request, { extraInputTokens: 1, ...options });
    expect(estimate.amount).toBe(BigInt(searches) * usd("0.01").amount);
  });

  it("refuses a limit of calls that is no whole number", () => {
    const table = createPriceTable({ m: { input: "0", output: "0", per: { webSearch: "0.01" } } });
    for (const more of [
      { tools: [{ type: "web_search", max_uses: 1.5 }] },
      { tools: [{ type: "web_search" }], max_tool_calls: "3" },
    ]) {
      const request = { messages, max_tokens: 5, ...more };
      expect(() => table.estimateRequest("m", request, { extraInputTokens: 1 })).toThrow("is not a whole number");
    }
  });

  it("counts a group of the caller's own functions, which is in the request, as any of its text", () => {
    const tools = [
      { type: "namespace", name: "agents", tools: [{ type: "function", name: "wait" }, { type: "custom" }] },
    ];
    const request = { messages, max_tokens: 5, tools };
    const alone = { messages, max_tokens: 5, tools: tools[0]?.tools };
    expect(prices.estimateRequest("plain", request).amount).toBeGreaterThan(
      prices.estimateRequest("plain", alone).amount,
    );
  });

  it("takes the dearest way that the request allows: a cache of an hour only where it asks for one", () => {
    const request = { messages, max_tokens: 0 };
    const bytes = (body: object): bigint => BigInt(utf8Length(JSON.stringify(body)) + 256);
    expect(prices.estimateRequest("cached", request).amount).toBe(bytes(request) * 250n);
    const hour = { ...request, system: [{ type: "text", text: "s", cache_control: { type: "ephemeral", ttl: "1h" } }] };
    expect(prices.estimateRequest("cached", hour).amount).toBe(bytes(hour) * 400n);
    const halfDay = { ...request, prompt_cache_options: { ttl: "12h" } };
    expect(prices.estimateRequest("cached", halfDay).amount).toBe(bytes(halfDay) * 500n);
    const shown = {
      ...request,
      messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data: "" } }] }],
    };
    const extra = { extraInputTokens: 1_000 };
    expect(prices.estimateRequest("cached", shown, extra).amount).toBe((bytes(shown) + 1_000n) * 4_000n);
  });

  it("counts an answer as what a model may give unasked: an image, unless text alone is asked for", () => {
    const table = createPriceTable({ m: { input: "0", output: "2", imageOutput: "30" } });
    const contents = [{ parts: [{ text: "draw" }] }];
    const asking = (responseModalities?: string[]): object => ({
      contents,
      generationConfig: { maxOutputTokens: 1_000, ...(responseModalities && { responseModalities }) },
    });
    expect(table.estimateRequest("m", asking())).toEqual(usd("0.03"));
    expect(table.estimateRequest("m", asking(["TEXT", "IMAGE"]))).toEqual(usd("0.03"));
    expect(table.estimateRequest("m", asking(["TEXT"]))).toEqual(usd("0.002"));
    const spoken = {
      messages,
      max_tokens: 1_000,
      modalities: ["text", "audio"],
      audio: { voice: "alloy", format: "wav" },
    };
    expect(table.estimateRequest("m", spoken)).toEqual(usd("0.03"));
  });

  it("counts at its dearest what the provider may choose, and as it is what the request names", () => {
    const bytes = (body: object): bigint => BigInt(utf8Length(JSON.stringify(body)) + 256);
    const open = { messages, max_tokens: 0 };
    expect(prices.estimateRequest("tiered", open).amount).toBe(bytes(open) * 330n);
    const named = { ...open, service_tier: "default", inference_geo: "global" };
    expect(prices.estimateRequest("tiered", named).amount).toBe(bytes(named) * 200n);
    const fast = { ...named, speed: "fast" };
    expect(prices.estimateRequest("tiered", fast).amount).toBe(bytes(fast) * 1_200n);
    expect(() => prices.estimateRequest("tiered", { ...open, service_tier: "gold" })).toThrow('"gold"');
  });

  it("prices a prompt that may be long as a long one", () => {
    const request = {
      messages: [{ role: "user", content: "x".repeat(2_000) }],
      max_tokens: 0,
      service_tier: "default",
    };
    const named = { ...request, inference_geo: "global" };
    expect(prices.estimateRequest("tiered", named).amount).toBe(BigInt(utf8Length(JSON.stringify(named)) + 256) * 400n);
  });

  it("counts a document of plain text by its bytes", () => {
    const source = { type: "text", media_type: "text/plain", data: "words" };
    const request = { messages: [{ role: "user", content: [{ type: "document", source }] }], max_tokens: 0 };
    expect(prices.estimateRequest("plain", request).amount).toBe(
      BigInt(utf8Length(JSON.stringify(request)) + 256) * 200n,
    );
  });

  it("takes a body as it is sent, and refuses what is no body rather than count nothing", () => {
    const request = { messages, max_tokens: 7 };
    expect(prices.estimateRequest("plain", JSON.stringify(request))).toEqual(prices.estimateRequest("plain", request));
    expect(tokensOf("just a prompt")).toBe(13 + 256);
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const nothing of [undefined, null, 5, [], new FormData(), new Uint8Array(9), circular, '{"cut', new Map()]) {
      expect(() => prices.estimateRequest("limited", nothing)).toThrow("/request: is no request body");
    }
  });

  it("refuses a body that is nested without end, by an error that can be distinguished from a fault", () => {
    const lists = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const objects = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    for (const body of [`{"messages":${lists}}`, objects]) {
      expect(() => prices.estimateRequest("limited", body)).toThrow(ValidationError);
    }
  });

  it("holds the price of the request itself", () => {
    expect(prices.estimateRequest("fee", { messages, max_tokens: 10 })).toEqual(usd("0.005"));
    expect(prices.price("fee", { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 })).toEqual(usd("0.005"));
  });
});
