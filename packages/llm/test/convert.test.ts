import { createHash } from "node:crypto";
import { ConfigurationError, usd } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { convertGenaiPrices, convertLiteLlm, convertModelsDev, convertPriceFile } from "@imprest/llm/convert";
import { describe, expect, it } from "vitest";

// Samples in the form of the public files, with invented models and prices.

const options = { from: "prices.json", date: "2026-11-28" };

const litellm = {
  sample_spec: { input_cost_per_token: 0, max_tokens: "words that explain" },
  "claude-test": {
    litellm_provider: "anthropic",
    mode: "chat",
    max_input_tokens: 1_000_000,
    max_output_tokens: 64_000,
    max_tokens: 64_000,
    input_cost_per_token: 3e-6,
    output_cost_per_token: 1.5e-5,
    cache_read_input_token_cost: 3e-7,
    cache_creation_input_token_cost: 3.75e-6,
    cache_creation_input_token_cost_above_1hr: 6e-6,
    input_cost_per_token_above_200k_tokens: 6e-6,
    output_cost_per_token_above_200k_tokens: 2.25e-5,
    cache_read_input_token_cost_above_200k_tokens: 6e-7,
    cache_creation_input_token_cost_above_200k_tokens: 7.5e-6,
    cache_creation_input_token_cost_above_1hr_above_200k_tokens: 1.2e-5,
    search_context_cost_per_query: {
      search_context_size_low: 0.01,
      search_context_size_medium: 0.01,
      search_context_size_high: 0.01,
    },
    provider_specific_entry: { us: 1.1, fast: 6 },
    supports_vision: true,
    supports_prompt_caching: true,
  },
  "gpt-test": {
    litellm_provider: "openai",
    mode: "chat",
    input_cost_per_token: 1.25e-6,
    output_cost_per_token: 1e-5,
    cache_read_input_token_cost: 1.25e-7,
    input_cost_per_token_priority: 2.5e-6,
    output_cost_per_token_priority: 2e-5,
    cache_read_input_token_cost_priority: 2.5e-7,
    input_cost_per_token_batches: 6.25e-7,
    output_cost_per_token_batches: 5e-6,
    supported_endpoints: ["/v1/chat/completions"],
  },
  "qwen-test": {
    litellm_provider: "dashscope",
    mode: "chat",
    tiered_pricing: [
      { range: [0, 32_000], input_cost_per_token: 1e-6, output_cost_per_token: 5e-6 },
      { range: [32_000, 128_000], input_cost_per_token: 2e-6, output_cost_per_token: 1e-5 },
    ],
  },
  "whisper-test": {
    litellm_provider: "openai",
    mode: "audio_transcription",
    input_cost_per_second: 0.0001,
    output_cost_per_second: 0,
  },
  "image-test": { litellm_provider: "openai", mode: "image_generation", output_cost_per_image: 0.04 },
  "drawing-test": {
    mode: "chat",
    input_cost_per_token: 3e-7,
    output_cost_per_token: 2.5e-6,
    output_cost_per_image: 0.039,
    output_cost_per_image_token: 3e-5,
    input_cost_per_character: 0,
    regional_processing_uplift_multiplier_eu: 1.1,
    web_search_billing_unit: "per_query",
  },
  "speech-test": { litellm_provider: "openai", mode: "audio_speech", input_cost_per_character: 1.5e-5 },
  "second-test": { mode: "chat", input_cost_per_token: 1e-6, output_cost_per_token: 1e-6, input_cost_per_second: 0.1 },
  "night-test": { mode: "chat", input_cost_per_token: 1e-6, off_peak_pricing: { input_cost_per_token: 5e-7 } },
  "nothing-test": { litellm_provider: "openai", mode: "chat", max_tokens: 5 },
  "words-test": { mode: "chat", input_cost_per_token: "cheap", output_cost_per_token: 1e-6 },
  "geo-test": { mode: "chat", input_cost_per_token: 1e-6, provider_specific_entry: { moon: 3 } },
};

const modelsDev = {
  acme: {
    id: "acme",
    env: ["ACME_API_KEY"],
    name: "Acme",
    models: {
      large: {
        id: "large",
        name: "Large",
        reasoning: true,
        modalities: { input: ["text", "image", "pdf"], output: ["text"] },
        limit: { context: 400_000, input: 272_000, output: 128_000 },
        experimental: { modes: { fast: { cost: { input: 9 } } } },
        cost: {
          input: 1.25,
          output: 10,
          cache_read: 0.125,
          cache_write: 1.5625,
          input_audio: 32,
          tiers: [{ tier: { type: "context", size: 200_000 }, input: 2.5, output: 15, cache_read: 0.25 }],
          context_over_200k: { input: 2.5, output: 15, cache_read: 0.25 },
        },
      },
      older: {
        id: "older",
        cost: { input: 1, output: 2, context_over_200k: { input: 2, output: 3 } },
        limit: { context: 8, output: 0 },
      },
      timed: { id: "timed", cost: { input: 1, output: 2, tiers: [{ tier: { type: "hour", size: 3 }, input: 2 }] } },
      strange: { id: "strange", cost: { input: 1, output: 2, per_smell: 3 }, smell: true },
      bare: { id: "bare" },
    },
  },
};

const genai = [
  {
    id: "acme",
    name: "Acme",
    api_pattern: "acme",
    models: [
      {
        id: "large",
        match: { starts_with: "large" },
        context_window: 1_000_000,
        prices: {
          input_mtok: { base: 1.25, tiers: [{ start: 200_000, price: 2.5 }] },
          output_mtok: { base: 10, tiers: [{ start: 200_000, price: 15 }] },
          cache_read_mtok: 0.125,
          cache_write_5m_mtok: 1.5625,
          cache_write_1h_mtok: 2.5,
          requests_kcount: 5,
          web_searches_kcount: 10,
        },
      },
      {
        id: "dated",
        match: { equals: "dated" },
        prices: [
          { prices: { input_mtok: 1, output_mtok: 2 } },
          { constraint: { start_date: "2026-06-01" }, prices: { input_mtok: 3, output_mtok: 4 } },
          { constraint: { start_date: "2027-01-01" }, prices: { input_mtok: 5, output_mtok: 6 } },
        ],
      },
      {
        id: "nightly",
        match: { equals: "nightly" },
        prices: [
          { prices: { input_mtok: 1, output_mtok: 2 } },
          { constraint: { start_time: "00:30:00Z", end_time: "16:30:00Z" }, prices: { input_mtok: 3, output_mtok: 4 } },
        ],
      },
      { id: "smelling", match: { equals: "smelling" }, prices: { input_mtok: 1, output_smell_mtok: 2 } },
    ],
  },
];

describe("convertLiteLlm", () => {
  it("makes a table of the rows that it understands, exact to the digit", async () => {
    const { models } = await convertLiteLlm(JSON.stringify(litellm), options);
    expect(models).toEqual({
      "claude-test": {
        input: "3",
        output: "15",
        cachedInput: "0.3",
        cacheWrite: "3.75",
        cacheWrite1h: "6",
        imageInput: "3",
        above: [
          {
            promptTokens: 200_000,
            input: "6",
            output: "22.5",
            cachedInput: "0.6",
            cacheWrite: "7.5",
            cacheWrite1h: "12",
          },
        ],
        per: { searchContextLow: "0.01", searchContextMedium: "0.01", searchContextHigh: "0.01", webSearch: "0.01" },
        multipliers: { region: { us: "1.1" }, speed: { fast: "6" } },
        maxInputTokens: 1_000_000,
        maxOutputTokens: 64_000,
      },
      "gpt-test": {
        input: "1.25",
        output: "10",
        cachedInput: "0.125",
        tiers: {
          priority: { input: "2.5", output: "20", cachedInput: "0.25" },
          batch: { input: "0.625", output: "5" },
        },
      },
      "qwen-test": { input: "1", output: "5", above: [{ promptTokens: 32_000, input: "2", output: "10" }] },
      "whisper-test": { per: { second: "0.0001" } },
      "image-test": { per: { image: "0.04" } },
      "drawing-test": {
        input: "0.3",
        output: "2.5",
        imageOutput: "30",
        multipliers: { region: { eu: "1.1" } },
      },
    });
    const prices = createPriceTable(models);
    expect(prices.price("whisper-test", { type: "duration", seconds: 90 })).toEqual(usd("0.009"));
    const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };
    expect(prices.price("gpt-test", { ...usage, service_tier: "priority" })).toEqual(usd("0.0045"));
  });

  it("refuses a row by name and member rather than leave a price out", async () => {
    const { refused } = await convertLiteLlm(JSON.stringify(litellm), options);
    expect(refused).toEqual([
      {
        model: "speech-test",
        members: ["input_cost_per_character"],
        reason: "has no place for input_cost_per_character",
      },
      { model: "second-test", members: ["input_cost_per_second"], reason: "has no place for input_cost_per_second" },
      { model: "night-test", members: ["off_peak_pricing"], reason: "has no place for off_peak_pricing" },
      { model: "nothing-test", members: [], reason: "names no price" },
      { model: "words-test", members: ["input_cost_per_token"], reason: "has no place for input_cost_per_token" },
      {
        model: "geo-test",
        members: ["provider_specific_entry/moon"],
        reason: "has no place for provider_specific_entry/moon",
      },
    ]);
  });

  it("says where the table comes from, with the hash of the file's bytes", async () => {
    const text = JSON.stringify({ ...litellm, é: {} });
    const { source } = await convertLiteLlm(text, options);
    const sha256 = createHash("sha256").update(text).digest("hex");
    expect(source).toEqual({ format: "litellm", from: "prices.json", date: "2026-11-28", sha256 });
  });

  it("reads a cache of half a day, tiers by any name, uplifts by their region, and the row that an alias stands for", async () => {
    const file = {
      "new-test": {
        mode: "chat",
        input_cost_per_token: 1e-6,
        output_cost_per_token: 5e-6,
        cache_creation_input_token_cost_above_12hr: 2.5e-6,
        cache_creation_input_token_cost_above_12hr_above_272k_tokens_ultrafast: 3e-5,
        input_cost_per_token_ultrafast: 6e-6,
        fedramp_uplift_multiplier: 1.1,
        regional_endpoint_uplift_multiplier: 1.2,
        provider_specific_entry: { realtime_ga_only: 1 },
        search_free_requests: { count: 1_500, period: "day" },
        successor_model: "newer-test",
      },
      "new-latest": { alias_of: "new-test", max_output_tokens: 9 },
      "old-latest": { alias_of: "new-latest" },
      "lost-latest": { alias_of: "nothing" },
      "page-test": { mode: "ocr", ocr_cost_per_page: 0.002 },
    };
    const { models, refused } = await convertLiteLlm(JSON.stringify(file), options);
    expect(models["new-test"]).toEqual({
      input: "1",
      output: "5",
      cacheWrite12h: "2.5",
      tiers: { ultrafast: { input: "6", above: [{ promptTokens: 272_000, cacheWrite12h: "30" }] } },
      multipliers: { region: { fedramp: "1.1", regional: "1.2" } },
    });
    expect(models["new-latest"]).toEqual({ ...models["new-test"], maxOutputTokens: 9 });
    expect(models["page-test"]).toEqual({ per: { page: "0.002" } });
    expect(refused.map(({ model, members }) => [model, members])).toEqual([
      ["old-latest", ["alias_of"]],
      ["lost-latest", ["alias_of"]],
    ]);
  });
});

describe("convertModelsDev", () => {
  it("names a model by its provider, and charges as text what the file does not price apart", async () => {
    const { models, refused } = await convertModelsDev(JSON.stringify(modelsDev), options);
    expect(models).toEqual({
      "acme/large": {
        input: "1.25",
        output: "10",
        cachedInput: "0.125",
        cacheWrite: "1.5625",
        audioInput: "32",
        imageInput: "1.25",
        documentInput: "1.25",
        above: [{ promptTokens: 200_000, input: "2.5", output: "15", cachedInput: "0.25" }],
        maxInputTokens: 272_000,
        maxOutputTokens: 128_000,
      },
      "acme/older": {
        input: "1",
        output: "2",
        above: [{ promptTokens: 200_000, input: "2", output: "3" }],
        maxInputTokens: 8,
      },
    });
    expect(refused.map(({ model, members }) => [model, members])).toEqual([
      ["acme/timed", ["cost/tiers/0/tier"]],
      ["acme/strange", ["cost/per_smell", "smell"]],
      ["acme/bare", []],
    ]);
  });

  it("leaves a fast mode without a price, so that it is refused", async () => {
    const prices = createPriceTable((await convertModelsDev(JSON.stringify(modelsDev), options)).models);
    expect(() => prices.price("acme/large", { input_tokens: 5, output_tokens: 1, speed: "fast" })).toThrow(
      "/usage/speed",
    );
  });
});

describe("convertGenaiPrices", () => {
  it("takes the prices of the day, and each tier with the prices that do not change in it", async () => {
    const { models, refused } = await convertGenaiPrices(JSON.stringify(genai), options);
    expect(models).toEqual({
      "acme/large": {
        input: "1.25",
        output: "10",
        cachedInput: "0.125",
        cacheWrite: "1.5625",
        cacheWrite1h: "2.5",
        imageInput: "1.25",
        videoInput: "1.25",
        documentInput: "1.25",
        above: [
          {
            promptTokens: 200_000,
            input: "2.5",
            output: "15",
            cachedInput: "0.125",
            cacheWrite: "1.5625",
            cacheWrite1h: "2.5",
          },
        ],
        per: { request: "0.005", webSearch: "0.01" },
        maxInputTokens: 1_000_000,
      },
      "acme/dated": { input: "3", output: "4", imageInput: "3", videoInput: "3", documentInput: "3" },
    });
    expect(refused.map(({ model, members }) => [model, members])).toEqual([
      ["acme/nightly", ["prices/1/constraint/start_time", "prices/1/constraint/end_time"]],
      ["acme/smelling", ["prices/output_smell_mtok"]],
    ]);
  });
});

describe("the models that are asked for", () => {
  const priced = { mode: "chat", input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 };
  const file = JSON.stringify({
    "gpt-test": priced,
    "claude-test-20260929": priced,
    "one/llama-test": priced,
    "two/llama-test": priced,
    "one/solo-test": priced,
    "speech-test": { ...priced, input_cost_per_character: 1 },
  });
  const asked = (models: readonly string[] | Readonly<Record<string, string>>): ReturnType<typeof convertLiteLlm> =>
    convertLiteLlm(file, { ...options, models });

  it("are the only ones read, each under the name that was asked for", async () => {
    const names = ["gpt-test", "openai/gpt-test", "claude-test", "gpt-test-latest", "solo-test"];
    const { models, rows, refused } = await asked(names);
    expect(Object.keys(models)).toEqual(names);
    expect(rows).toEqual({
      "gpt-test": "gpt-test",
      "openai/gpt-test": "gpt-test",
      "claude-test": "claude-test-20260929",
      "gpt-test-latest": "gpt-test",
      "solo-test": "one/solo-test",
    });
    expect(refused).toEqual([]);
  });

  it("may have the names that genai-prices lists of a row", async () => {
    const match = { or: [{ equals: "gpt-test" }, { equals: "gpt-test-diarize" }, { starts_with: "gpt-test-other" }] };
    const models = [{ id: "gpt-test", match, prices: { input_mtok: 1, output_mtok: 2 } }];
    const named = ["acme/gpt-test-diarize", "acme/gpt-test-other-thing"];
    const file = JSON.stringify([{ id: "acme", models }]);
    const { rows, refused } = await convertGenaiPrices(file, { ...options, models: named });
    expect(rows).toEqual({ "acme/gpt-test-diarize": "acme/gpt-test" });
    expect(refused.map(({ model }) => model)).toEqual(["acme/gpt-test-other-thing"]);
  });

  it("may have names of your own", async () => {
    const { models, rows } = await asked({ mine: "two/llama-test" });
    expect(Object.keys(models)).toEqual(["mine"]);
    expect(rows).toEqual({ mine: "two/llama-test" });
  });

  it("are refused by name where the file has none, several or one that cannot be read", async () => {
    const { models, refused } = await asked(["absent-test", "llama-test", "speech-test"]);
    expect(models).toEqual({});
    expect(Object.fromEntries(refused.map(({ model, reason }) => [model, reason]))).toEqual({
      "absent-test": "is not in the file",
      "llama-test": "may be one of 2: one/llama-test, two/llama-test",
      "speech-test": "has no place for input_cost_per_character",
    });
  });
});

describe("convertPriceFile", () => {
  it.each([
    ["litellm", litellm],
    ["models.dev", modelsDev],
    ["genai-prices", genai],
    ["genai-prices", { providers: genai }],
  ])("finds the form in the file: %s", async (format, file) => {
    const { source, models } = await convertPriceFile(JSON.stringify(file), options);
    expect(source.format).toBe(format);
    expect(Object.keys(models)).not.toHaveLength(0);
  });

  it.each(["<html>", "5", "[]x", "{}", '{"error":"not found"}', '{"a":{"b":1}}'])(
    "refuses a file of no such form: %s",
    async (text) => {
      await expect(convertPriceFile(text, options)).rejects.toThrow(ConfigurationError);
    },
  );
});

it.each([
  ["LiteLLM", convertLiteLlm],
  ["models.dev", convertModelsDev],
  ["genai-prices", convertGenaiPrices],
])("a file that is not in the form of %s is an error", async (_name, convert) => {
  await expect(convert("<html>", options)).rejects.toThrow(ConfigurationError);
  await expect(convert("5", options)).rejects.toThrow("has not the form of");
});
