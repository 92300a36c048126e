import { ValidationError } from "@imprest/core";
import { createPriceTable, mergeUsage, readUsage } from "@imprest/llm";
import { describe, expect, it } from "vitest";

describe("readUsage", () => {
  it.each([
    [
      "OpenAI chat, cached and reasoning",
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 3,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 1,
        },
      },
      { input: 6, cachedInput: 4, output: 2, reasoning: 3 },
    ],
    [
      "OpenAI chat with a cache write",
      { prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 } },
      { input: 3, cachedInput: 4, cacheWrite: 3, output: 2 },
    ],
    [
      "OpenAI chat, audio: cached tokens of an unknown modality are text, which leaves more at the dearer rate",
      {
        prompt_tokens: 10,
        completion_tokens: 6,
        total_tokens: 16,
        prompt_tokens_details: { cached_tokens: 5, audio_tokens: 8, text_tokens: 2 },
        completion_tokens_details: { audio_tokens: 4, text_tokens: 2, reasoning_tokens: 0 },
      },
      { cachedInput: 2, audioInput: 8, output: 2, audioOutput: 4 },
    ],
    [
      "OpenAI responses",
      {
        input_tokens: 10,
        output_tokens: 2,
        total_tokens: 12,
        input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 },
        output_tokens_details: { reasoning_tokens: 1 },
      },
      { input: 5, cachedInput: 4, cacheWrite: 1, output: 1, reasoning: 1 },
    ],
    [
      "OpenAI realtime, cached audio",
      {
        total_tokens: 30,
        input_tokens: 20,
        output_tokens: 10,
        input_token_details: {
          text_tokens: 8,
          audio_tokens: 12,
          cached_tokens: 9,
          cached_tokens_details: { text_tokens: 4, audio_tokens: 5 },
        },
        output_token_details: { text_tokens: 3, audio_tokens: 7 },
      },
      { input: 4, cachedInput: 4, audioInput: 7, cachedAudioInput: 5, output: 3, audioOutput: 7 },
    ],
    [
      "OpenAI images",
      {
        input_tokens: 60,
        output_tokens: 40,
        total_tokens: 100,
        input_tokens_details: { text_tokens: 10, image_tokens: 50 },
        output_tokens_details: { text_tokens: 5, image_tokens: 35 },
      },
      { input: 10, imageInput: 50, output: 5, imageOutput: 35 },
    ],
    [
      "OpenAI transcription by tokens",
      {
        type: "tokens",
        input_tokens: 14,
        output_tokens: 9,
        total_tokens: 23,
        input_token_details: { text_tokens: 4, audio_tokens: 10 },
      },
      { input: 4, audioInput: 10, output: 9 },
    ],
    ["OpenAI embeddings", { prompt_tokens: 10, total_tokens: 10 }, { input: 10 }],
    [
      "Anthropic, caches of both lifetimes and thinking",
      {
        input_tokens: 5,
        output_tokens: 20,
        cache_read_input_tokens: 4,
        cache_creation_input_tokens: 10,
        cache_creation: { ephemeral_5m_input_tokens: 7, ephemeral_1h_input_tokens: 3 },
        output_tokens_details: { thinking_tokens: 12 },
        service_tier: "standard",
        inference_geo: "not_available",
      },
      { input: 5, cachedInput: 4, cacheWrite: 7, cacheWrite1h: 3, output: 8, reasoning: 12 },
    ],
    [
      "Anthropic, whose cache classes leave some writes out: they are of the short class",
      {
        input_tokens: 5,
        output_tokens: 2,
        cache_creation_input_tokens: 10,
        cache_creation: { ephemeral_1h_input_tokens: 3 },
      },
      { input: 5, cacheWrite: 7, cacheWrite1h: 3, output: 2 },
    ],
    [
      "Anthropic with null counts",
      { input_tokens: 5, output_tokens: 2, cache_read_input_tokens: null, cache_creation_input_tokens: null },
      { input: 5, output: 2 },
    ],
    [
      "Gemini, thoughts, a tool's prompt, cached audio",
      {
        promptTokenCount: 100,
        cachedContentTokenCount: 40,
        candidatesTokenCount: 10,
        toolUsePromptTokenCount: 20,
        thoughtsTokenCount: 7,
        totalTokenCount: 137,
        promptTokensDetails: [
          { modality: "TEXT", tokenCount: 50 },
          { modality: "AUDIO", tokenCount: 30 },
          { modality: "IMAGE", tokenCount: 20 },
        ],
        cacheTokensDetails: [
          { modality: "TEXT", tokenCount: 25 },
          { modality: "AUDIO", tokenCount: 15 },
        ],
        toolUsePromptTokensDetails: [{ modality: "TEXT", tokenCount: 20 }],
        candidatesTokensDetails: [{ modality: "TEXT", tokenCount: 10 }],
        trafficType: "ON_DEMAND",
      },
      {
        input: 45,
        cachedInput: 25,
        audioInput: 15,
        cachedAudioInput: 15,
        imageInput: 20,
        output: 10,
        reasoning: 7,
      },
    ],
    [
      "Gemini in snake case, an image as the answer",
      {
        prompt_token_count: 5,
        candidates_token_count: 1290,
        total_token_count: 1295,
        candidates_tokens_details: [{ modality: "IMAGE", token_count: 1290 }],
      },
      { input: 5, imageOutput: 1290 },
    ],
    [
      "Bedrock, whose input tokens leave the cached ones out",
      {
        inputTokens: 5,
        outputTokens: 2,
        totalTokens: 20,
        cacheReadInputTokens: 4,
        cacheWriteInputTokens: 9,
        cacheDetails: [
          { ttl: "1h", inputTokens: 6 },
          { ttl: "5m", inputTokens: 3 },
        ],
      },
      { input: 5, cachedInput: 4, cacheWrite: 3, cacheWrite1h: 6, output: 2 },
    ],
    [
      "xAI, whose completion tokens leave reasoning out",
      { prompt_tokens: 10, completion_tokens: 2, total_tokens: 17, completion_tokens_details: { reasoning_tokens: 5 } },
      { input: 10, output: 2, reasoning: 5 },
    ],
    [
      "xAI without a total, but with text tokens",
      { prompt_tokens: 10, completion_tokens: 2, completion_tokens_details: { reasoning_tokens: 5, text_tokens: 2 } },
      { input: 10, output: 2, reasoning: 5 },
    ],
    [
      "Mistral",
      { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, num_cached_tokens: 4, prompt_audio_seconds: {} },
      { input: 6, cachedInput: 4, output: 2 },
    ],
    ["Mistral's SDK", { promptTokens: 10, completionTokens: 2, totalTokens: 12 }, { input: 10, output: 2 }],
    [
      "DeepSeek",
      {
        prompt_tokens: 10,
        completion_tokens: 2,
        total_tokens: 12,
        prompt_cache_hit_tokens: 9,
        prompt_cache_miss_tokens: 1,
        prompt_tokens_details: { cached_tokens: 9 },
      },
      { input: 1, cachedInput: 9, output: 2 },
    ],
    [
      "Moonshot",
      { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, cached_tokens: 8 },
      { input: 2, cachedInput: 8, output: 2 },
    ],
    [
      "Groq, with durations",
      {
        prompt_tokens: 10,
        completion_tokens: 2,
        total_tokens: 12,
        queue_time: 0.02,
        prompt_time: 0.001,
        completion_time: 0.3,
        total_time: 0.301,
      },
      { input: 10, output: 2 },
    ],
    [
      "Qwen, which counts a cache write among the details",
      {
        prompt_tokens: 10,
        completion_tokens: 2,
        prompt_tokens_details: { cached_tokens: 4, cache_creation_input_tokens: 1 },
      },
      { input: 5, cachedInput: 4, cacheWrite: 1, output: 2 },
    ],
    [
      "LiteLLM before Claude, with cache classes",
      {
        prompt_tokens: 20,
        completion_tokens: 2,
        total_tokens: 22,
        cache_creation_input_tokens: 9,
        cache_read_input_tokens: 4,
        prompt_tokens_details: {
          cached_tokens: 4,
          cache_creation_tokens: 9,
          cache_creation_token_details: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 7 },
        },
      },
      { input: 7, cachedInput: 4, cacheWrite: 2, cacheWrite1h: 7, output: 2 },
    ],
    [
      "a proxy before Claude that does not say whether prompt_tokens has the cached tokens: they stand beside",
      { prompt_tokens: 20, completion_tokens: 2, cache_read_input_tokens: 4, cache_creation_input_tokens: 9 },
      { input: 20, cachedInput: 4, cacheWrite: 9, output: 2 },
    ],
    ["AI SDK 4", { promptTokens: 10, completionTokens: 2, totalTokens: 12 }, { input: 10, output: 2 }],
    [
      "AI SDK 5",
      { inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, reasoningTokens: 3, totalTokens: 15 },
      { input: 6, cachedInput: 4, output: 2, reasoning: 3 },
    ],
    [
      "AI SDK 6, a provider's own answer",
      {
        inputTokens: { total: 10, noCache: 6, cacheRead: 4, cacheWrite: undefined },
        outputTokens: { total: 5, text: 2, reasoning: 3 },
      },
      { input: 6, cachedInput: 4, output: 2, reasoning: 3 },
    ],
    [
      "the result usage of AI SDK 7",
      {
        inputTokens: 10,
        inputTokenDetails: { noCacheTokens: 5, cacheReadTokens: 4, cacheWriteTokens: 1 },
        outputTokens: 2,
        outputTokenDetails: { textTokens: 2, reasoningTokens: undefined },
      },
      { input: 5, cachedInput: 4, cacheWrite: 1, output: 2 },
    ],
    [
      "AI SDK 7 before Gemini, with what Gemini said itself",
      {
        inputTokens: 10,
        outputTokens: 7,
        raw: {
          promptTokenCount: 10,
          candidatesTokenCount: 2,
          thoughtsTokenCount: 5,
          totalTokenCount: 17,
          promptTokensDetails: [{ modality: "TEXT", tokenCount: 10 }],
        },
      },
      { input: 10, output: 2, reasoning: 5 },
    ],
    [
      "AI SDK 7 before Anthropic: the cache class stands in raw alone",
      {
        inputTokens: { total: 10, noCache: 2, cacheRead: 0, cacheWrite: 8 },
        outputTokens: { total: 2 },
        raw: {
          input_tokens: 2,
          output_tokens: 2,
          cache_creation_input_tokens: 8,
          cache_creation: { ephemeral_1h_input_tokens: 8 },
        },
      },
      { input: 2, cacheWrite1h: 8, output: 2 },
    ],
    ["AI SDK embeddings", { tokens: 10 }, { input: 10 }],
    [
      "LangChain",
      {
        input_tokens: 10,
        output_tokens: 5,
        total_tokens: 15,
        input_token_details: { cache_read: 4, cache_creation: 1, audio: 2 },
        output_token_details: { reasoning: 3 },
      },
      { input: 3, cachedInput: 4, cacheWrite: 1, audioInput: 2, output: 2, reasoning: 3 },
    ],
    [
      "the OpenAI Agents SDK, which lists the details of each request",
      {
        requests: 2,
        inputTokens: 10,
        outputTokens: 2,
        totalTokens: 12,
        inputTokensDetails: [{ cached_tokens: 3 }, { cached_tokens: 1 }],
        outputTokensDetails: [{ reasoning_tokens: 1 }, { reasoning_tokens: 0 }],
      },
      { input: 6, cachedInput: 4, output: 1, reasoning: 1 },
    ],
    [
      "Cohere, by what is billed",
      { billed_units: { input_tokens: 5, output_tokens: 2 }, tokens: { input_tokens: 300, output_tokens: 4 } },
      { input: 5, output: 2 },
    ],
  ])("reads %s", (_name, usage, tokens) => {
    expect(readUsage(usage).tokens).toEqual(tokens);
  });

  it.each([
    ["a transcription's seconds", { type: "duration", seconds: 90 }, { second: 90 }],
    [
      "Anthropic's searches, not its free fetches",
      { input_tokens: 5, output_tokens: 2, server_tool_use: { web_search_requests: 3, web_fetch_requests: 4 } },
      { webSearch: 3 },
    ],
    [
      "xAI's tools",
      {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        num_sources_used: 4,
        num_server_side_tools_used: 3,
        server_side_tool_usage_details: { web_search_calls: 2, x_search_calls: 1, mcp_calls: 0 },
      },
      { webSearch: 2, xSearch: 1, source: 4 },
    ],
    [
      "Perplexity's searches",
      {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        search_context_size: "low",
        citation_tokens: 30,
        num_search_queries: 6,
        reasoning_tokens: 40,
      },
      { searchContextLow: 1, citationToken: 30, searchQuery: 6 },
    ],
    [
      "Mistral's seconds",
      { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, prompt_audio_seconds: 12 },
      { second: 12 },
    ],
    ["Cohere's searches", { billed_units: { search_units: 2 } }, { searchUnit: 2 }],
    ["our own words", { units: { image: 2 } }, { image: 2 }],
  ])("counts by the piece: %s", (_name, usage, units) => {
    expect(readUsage(usage).units).toEqual(units);
  });

  it("counts Perplexity's reasoning beside what every other count says", () => {
    const usage = {
      prompt_tokens: 5,
      completion_tokens: 20,
      total_tokens: 25,
      num_search_queries: 1,
      reasoning_tokens: 70,
    };
    expect(readUsage(usage).tokens).toEqual({ input: 5, output: 20, reasoning: 70 });
  });

  it("keeps apart what is priced by the prompt of one request: a compaction, the requests of an agent's run", () => {
    const message = { type: "message", input_tokens: 20, output_tokens: 2 };
    const compaction = { type: "compaction", input_tokens: 500, output_tokens: 30 };
    const compacted = readUsage({ input_tokens: 20, output_tokens: 2, iterations: [compaction, message] });
    expect(compacted.tokens).toEqual({ input: 520, output: 32 });
    expect(compacted.requests.map(({ tokens }) => tokens)).toEqual([
      { input: 20, output: 2 },
      { input: 500, output: 30 },
    ]);
    const entry = { inputTokens: 100, outputTokens: 5, totalTokens: 105 };
    const run = { requests: 2, inputTokens: 200, outputTokens: 10, requestUsageEntries: [entry, entry] };
    expect(readUsage(run).requests).toHaveLength(2);
    expect(readUsage({ ...run, requestUsageEntries: [entry] }).requests).toHaveLength(1);
    expect(readUsage({ ...run, requestUsageEntries: [entry] }).units).toEqual({ request: 2 });
  });

  it("reads back what it has read", () => {
    const read = readUsage({
      prompt_tokens: 10,
      completion_tokens: 2,
      total_tokens: 12,
      service_tier: "priority",
      num_sources_used: 1,
      cost: 0.5,
    });
    expect(readUsage(read)).toEqual(read);
    expect(() => readUsage({ ...read, requests: [{ tokens: { input: 1 }, units: {} }] })).toThrow("/usage/requests");
    expect(() => readUsage({ tokens: { inputs: 5 } })).toThrow("/usage/tokens/inputs: is no kind of token");
  });

  it.each([
    ["OpenRouter", { cost: 0.0041 }, "0.0041"],
    ["OpenRouter, a small one", { cost: 4.1e-7 }, "0.00000041"],
    [
      "OpenRouter with a key of one's own",
      { cost: 0.01, is_byok: true, cost_details: { upstream_inference_cost: 0.2 } },
      "0.21",
    ],
    ["xAI", { cost_in_usd_ticks: 232_856_000 }, "0.0232856"],
    ["Perplexity", { cost: { input_tokens_cost: 0.001, total_cost: 0.006 } }, "0.006"],
    ["DeepInfra", { estimated_cost: 0.000_012 }, "0.000012"],
  ])("gives the provider's own cost, every digit kept: %s", (_name, members, cost) => {
    expect(readUsage({ prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, ...members }).statedCost).toBe(cost);
    const within = {
      inputTokens: 10,
      outputTokens: 2,
      raw: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
    };
    expect(readUsage({ ...within, raw: { ...within.raw, ...members } }).statedCost).toBe(cost);
  });

  it.each([
    ["OpenAI", { service_tier: "priority" }, { tier: "priority" }],
    ["Vertex", { traffic_type: "ON_DEMAND_PRIORITY" }, { tier: "priority" }],
    ["Anthropic", { speed: "fast", inference_geo: "us" }, { speed: "fast", region: "us" }],
    ["the plain ones", { service_tier: "default", speed: "standard", inference_geo: "global" }, {}],
  ])("gives the words that change a price: %s", (_name, words, terms) => {
    expect(readUsage({ prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, ...words }).terms).toEqual(terms);
  });

  it("takes a flex tier from the details in which LangChain repeats its tokens", () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 5,
      total_tokens: 15,
      input_token_details: { flex: 6, flex_cache_read: 4 },
      output_token_details: { flex: 2, flex_reasoning: 3 },
    };
    expect(readUsage(usage)).toMatchObject({
      tokens: { input: 6, cachedInput: 4, output: 2, reasoning: 3 },
      terms: { tier: "flex" },
    });
  });

  it.each([
    [null, "/usage"],
    [undefined, "/usage"],
    ["5", "/usage"],
    [{}, "/usage"],
    [{ prompt_tokens: 1 }, "/usage/completion_tokens: is missing"],
    [{ prompt_tokens: -1, completion_tokens: 1 }, "/usage/prompt_tokens: is no whole number"],
    [{ prompt_tokens: 1.5, completion_tokens: 1 }, "/usage/prompt_tokens: is no whole number"],
    [{ inputTokens: undefined, outputTokens: 3 }, "/usage/inputTokens: is missing"],
    [{ input_tokens: null, cache_read_input_tokens: null, output_tokens: 100 }, "/usage/input_tokens: is missing"],
    [{ totalTokenCount: 9 }, "/usage/promptTokenCount: is missing"],
    [{ promptTokens: 5, completionTokens: Number.NaN }, "/usage/completionTokens: is no whole number"],
    [{ type: "duration", seconds: 1.5 }, "/usage/seconds: is no whole number"],
    [
      { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 5, prompt_cache_miss_tokens: 9 },
      "/usage/prompt_cache_miss",
    ],
    [
      { input_tokens: 9, output_tokens: 1, iterations: [{ type: "advisor", input_tokens: 1, output_tokens: 1 }] },
      "/iterations/0/type",
    ],
    [{ inputTokens: 9, outputTokens: 1, cacheDetails: [{ ttl: "30m", inputTokens: 5 }] }, "/usage/cacheDetails/0/ttl"],
    [
      { promptTokenCount: 9, totalTokenCount: 9, promptTokensDetails: [{ modality: "SMELL", tokenCount: 9 }] },
      "/0/modality",
    ],
    [{ inputTokens: 9, outputTokens: 9, raw: { input_tokens: 8, output_tokens: 9 } }, "/usage/raw: counts less"],
    [
      { requests: 1, inputTokens: 9, outputTokens: 1, requestUsageEntries: [{ inputTokens: 8, outputTokens: 1 }] },
      "/requestUsageEntries",
    ],
    [{ prompt_tokens: 9, completion_tokens: 1, service_tier: 5 }, "/usage/service_tier: is no text"],
  ])("refuses by the member's name rather than count wrong: %o", (usage, message) => {
    expect(() => readUsage(usage)).toThrow(message);
  });
});

it("a member that is given in two spellings is refused: one of them would be dropped", () => {
  const usage = { input_tokens: 9, inputTokens: 900, output_tokens: 1 };
  expect(() => readUsage(usage)).toThrow("/usage/inputTokens: is given twice, as input_tokens too");
  expect(readUsage({ ...usage, inputTokens: null }).tokens).toEqual({ input: 9, output: 1 });
  expect(readUsage({ ...usage, input_tokens: undefined }).tokens).toEqual({ input: 900, output: 1 });
});

it.each([
  ["lists", `{"prompt_tokens":1,"total_tokens":2,"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
  ["what a provider said", `${'{"inputTokens":1,"outputTokens":1,"raw":'.repeat(100_000)}1${"}".repeat(100_000)}`],
])("a usage object that is nested without end is refused, not a crash: %s", (_name, text) => {
  const usage: unknown = JSON.parse(text);
  expect(() => readUsage(usage)).toThrow(ValidationError);
  const trusting = createPriceTable({ m: { input: "1", output: "1" } }, { trustStatedCost: true });
  expect(() => trusting.price("m", usage)).toThrow(ValidationError);
});

describe("mergeUsage", () => {
  it("keeps what a later event gives as null", () => {
    const start = { input_tokens: 25, cache_read_input_tokens: 4, output_tokens: 1 };
    const delta = { input_tokens: null, cache_read_input_tokens: null, output_tokens: 90, server_tool_use: null };
    expect(mergeUsage(start, delta)).toEqual({ input_tokens: 25, cache_read_input_tokens: 4, output_tokens: 90 });
    expect(mergeUsage(undefined, delta)).toBe(delta);
    expect(mergeUsage(start, undefined)).toBe(start);
  });
});
