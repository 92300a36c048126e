import { ValidationError, usd, usdMicrocents } from "@imprest/core";
import { type ModelPrices, createPriceTable, readUsage } from "@imprest/llm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const prices = createPriceTable({
  big: { input: "2.50", output: "10.00", cachedInput: "1.25", cacheWrite: "3.125" },
  odd: { input: "0.0000001", output: "0.15" },
});

describe("createPriceTable", () => {
  it("prices a call exactly", () => {
    expect(prices.price("big", { prompt_tokens: 1_000, completion_tokens: 500 })).toEqual(usd("0.0075"));
    const usage = { prompt_tokens: 1_000, completion_tokens: 500, prompt_tokens_details: { cached_tokens: 400 } };
    expect(prices.price("big", usage)).toEqual(usd("0.007"));
  });

  it("rounds up once, over the whole call", () => {
    expect(prices.price("odd", { inputTokens: 1, outputTokens: 0 })).toEqual(usdMicrocents(1));
    expect(prices.price("odd", { inputTokens: 0, outputTokens: 0 })).toEqual(usdMicrocents(0));
    // One input token costs 1e-5 microcents: a hundred thousand are one microcent, not a hundred thousand.
    expect(prices.price("odd", { inputTokens: 100_000, outputTokens: 0 })).toEqual(usdMicrocents(1));
  });

  it("estimates with the dearest way the input can be charged", () => {
    expect(prices.estimate("big", { inputTokens: 1_000_000, maxOutputTokens: 0 })).toEqual(usd("3.125"));
  });

  it("refuses what it cannot price", () => {
    expect(() => prices.price("unknown", { prompt_tokens: 1, completion_tokens: 1 })).toThrow('"unknown" has no price');
    expect(() => prices.price("big", { prompt_tokens: 1 })).toThrow("usage object");
    expect(() =>
      prices.price("big", { prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 2 } }),
    ).toThrow("more cached tokens");
    expect(() => prices.estimate("big", { inputTokens: 0.5, maxOutputTokens: 1 })).toThrow("whole number");
    for (const input of ["1e-3", "-1", "", 2.5 as unknown as string]) {
      expect(() => createPriceTable({ m: { input, output: "1" } })).toThrow('input price of "m"');
    }
  });

  it("names the member that cannot be charged, and charges nothing for the rest", () => {
    const refused: readonly (readonly [object, string])[] = [
      [{ prompt_tokens: null, completion_tokens: 1, total_tokens: 9 }, "/usage/prompt_tokens: is missing"],
      [{ prompt_tokens: 5, completion_tokens: null }, "/usage/completion_tokens: is missing"],
      [{ inputTokens: { total: undefined }, outputTokens: { total: 1 } }, "/usage/inputTokens/total: is missing"],
      [{ prompt_tokens: 1, completion_tokens: 1, input_tokens: 9 }, "/usage/input_tokens: differs from prompt_tokens"],
      [{ prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: "none" }, "/usage/prompt_tokens_details"],
      [
        { prompt_tokens: 9, completion_tokens: 9, completion_tokens_details: { audio_tokens: 8 } },
        "add audioOutput to",
      ],
      [{ input_tokens: 9, output_tokens: 9, input_tokens_details: { image_tokens: 8 } }, "add imageInput to"],
      [{ input_tokens: 9, output_tokens: 9, input_token_details: { audio: 8 } }, "add audioInput to"],
      [{ input_tokens: 9, output_tokens: 9, server_tool_use: { web_search_requests: 1 } }, "add per.webSearch to"],
      [{ input_tokens: 9, output_tokens: 9, speed: "fast" }, "/usage/speed"],
      [{ input_tokens: 9, output_tokens: 9, service_tier: "priority" }, "/usage/service_tier"],
      [{ inputTokens: 9, outputTokens: 9, raw: { service_tier: "priority" } }, "/usage/service_tier"],
      [{ inputTokens: 9, outputTokens: 9, cacheDetails: [{ ttl: "1h", inputTokens: 5 }] }, "add cacheWrite1h to"],
      [
        { inputTokens: 9, outputTokens: 9, raw: { a: { b: { c: { d: { e: { audio_tokens: 1 } } } } } } },
        "nested too deep",
      ],
      [{ prompt_tokens: 9, completion_tokens: 9, num_sources_used: 2 }, "add per.source to"],
      [{ prompt_tokens: 9, completion_tokens: 9, images_generated: 2 }, "/usage/images_generated"],
      [{ prompt_tokens: 9, completion_tokens: 9, prompt_audio_seconds: 1.5 }, "/usage/prompt_audio_seconds"],
      [{ prompt_tokens: 9, completion_tokens: 9, prompt_tokens_details: { audio_tokens: "8" } }, "/audio_tokens"],
      [{ input_tokens: 9, output_tokens: 9, input_token_details: { priority: 9 } }, "/usage/service_tier"],
      [
        { inputTokens: 9, outputTokens: 9, raw: { promptTokensDetails: [{ modality: "AUDIO", tokenCount: 9 }] } },
        "/usage/raw/promptTokensDetails/0/tokenCount",
      ],
      [
        { prompt_tokens: 9, completion_tokens: 2, completion_tokens_details: { reasoning_tokens: 1 } },
        "/usage/total_tokens: is missing",
      ],
    ];
    for (const [usage, message] of refused) {
      expect(() => prices.price("big", usage)).toThrow(ValidationError);
      expect(() => prices.price("big", usage)).toThrow(message);
    }
  });

  it.each([
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "prompt_tokens_details/cached_tokens",
    "prompt_tokens_details/cache_write_tokens",
    "completion_tokens_details/reasoning_tokens",
  ])("makes no count of text, a truth value or a part of a token: %s", (path) => {
    const [name = "", inner] = path.split("/");
    for (const junk of ["", "5", true, false, -1, 1.5, Number.NaN, 2 ** 53, 5n, [5]]) {
      const usage = { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 };
      const wrong = { ...usage, [name]: inner === undefined ? junk : { [inner]: junk } };
      expect(() => prices.price("big", wrong)).toThrow(`/usage/${path}: is no whole number of tokens`);
    }
  });

  it("charges what a total counts beyond input and output as output", () => {
    const beside = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_600 };
    expect(prices.price("big", beside)).toEqual(usd("0.0085"));
    const within = { ...beside, completion_tokens: 600, completion_tokens_details: { reasoning_tokens: 500 } };
    expect(prices.price("big", within)).toEqual(usd("0.0085"));
  });

  it("an estimate is never below what the same tokens cost", () => {
    const count = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(count, count, fc.nat(100), fc.nat(100), (input, output, cachedShare, writtenShare) => {
        const cached = Math.floor((input * cachedShare) / 200);
        const written = Math.floor((input * writtenShare) / 200);
        const actual = prices.price("big", {
          inputTokens: { total: input, cacheRead: cached, cacheWrite: written },
          outputTokens: { total: output },
        });
        const estimate = prices.estimate("big", { inputTokens: input, maxOutputTokens: output });
        expect(estimate.amount).toBeGreaterThanOrEqual(actual.amount);
      }),
    );
  });
});

describe("prices beyond input and output", () => {
  const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };

  it("price what is counted by the piece, exactly", () => {
    const table = createPriceTable({ m: { per: { image: "0.04", second: "0.0001", request: "0.0000000123" } } });
    expect(table.price("m", { units: { image: 2, request: 0 } })).toEqual(usdMicrocents(8_000_002));
    expect(table.price("m", { requests: 3, inputTokens: 0, outputTokens: 0 })).toEqual(usdMicrocents(4));
    expect(() => table.price("m", { units: { smell: 1 } })).toThrow('add per.smell to "m"');
  });

  it("hold for every token of a prompt that is longer than the threshold, cached ones counted", () => {
    const table = createPriceTable({
      m: {
        input: "1",
        cachedInput: "0.1",
        output: "2",
        audioInput: "8",
        above: [
          { promptTokens: 2_000, input: "10", output: "20" },
          { promptTokens: 1_000, input: "3", cachedInput: "0.3", output: "4" },
        ],
      },
    });
    const of = (cached: number, input: number): bigint =>
      table.price("m", { inputTokens: input, outputTokens: 0, cachedInputTokens: cached }).amount;
    expect(of(500, 1_000)).toBe(500n * 100n + 500n * 10n);
    expect(of(500, 1_001)).toBe(501n * 300n + 500n * 30n);
    // The longest prompts name no price of cached input: it is that of input, never less than it was.
    expect(of(500, 2_001)).toBe(2_001n * 1_000n);
    const spoken = {
      promptTokenCount: 3_000,
      totalTokenCount: 3_000,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 3_000 }],
    };
    expect(table.price("m", spoken).amount).toBe(3_000n * 1_000n);
  });

  it("are decided by the prompt of each request, not by the sum of several", () => {
    const table = createPriceTable({ m: { input: "1", output: "0", above: [{ promptTokens: 1_000, input: "2" }] } });
    const entry = { inputTokens: 800, outputTokens: 0 };
    const run = { requests: 2, inputTokens: 1_600, outputTokens: 0 };
    expect(table.price("m", { ...run, requestUsageEntries: [entry, entry] }).amount).toBe(160_000n);
    expect(table.price("m", run).amount).toBe(320_000n);
  });

  it("are those of the model that answered a request, where the provider names another than was asked", () => {
    const table = createPriceTable({
      asked: { input: "1", output: "0" },
      advisor: { input: "5", output: "0", above: [{ promptTokens: 1_000, input: "7" }] },
    });
    const counts = { input_tokens: 800, output_tokens: 0 };
    const advised = (model: string): unknown => ({
      ...counts,
      iterations: [
        { ...counts, type: "message", model: null },
        { ...counts, type: "advisor_message", model },
      ],
    });
    expect(table.price("asked", advised("advisor-20261001")).amount).toBe(800n * 100n + 800n * 500n);
    expect(() => table.price("asked", advised("unlisted"))).toThrow('"unlisted" has no price');
    // What was read is priced as what it was read from.
    expect(table.price("asked", readUsage(advised("advisor")))).toEqual(table.price("asked", advised("advisor")));
  });

  it("multiply tokens, not searches, by each word of the answer", () => {
    const table = createPriceTable({
      m: {
        input: "1",
        output: "1",
        per: { webSearch: "0.01" },
        multipliers: { tier: { priority: "2" }, speed: { fast: "6" }, region: { us: "1.1" } },
      },
    });
    const answer = { input_tokens: 1_000, output_tokens: 0, server_tool_use: { web_search_requests: 1 } };
    expect(table.price("m", { ...answer, speed: "fast", inference_geo: "us" })).toEqual(usd("0.0166"));
    expect(table.price("m", { ...answer, service_tier: "priority", speed: "fast", inference_geo: "us" })).toEqual(
      usd("0.0232"),
    );
    for (const [name, word] of [
      ["service_tier", "gold"],
      ["speed", "slow"],
      ["inference_geo", "eu"],
    ] as const) {
      expect(() => table.price("m", { ...answer, [name]: word })).toThrow(`/usage/${name}: "${word}"`);
    }
  });

  it("of a service tier stand for themselves; what the tier leaves out is not cheaper than before", () => {
    const table = createPriceTable({
      m: {
        input: "2",
        cachedInput: "1",
        output: "10",
        above: [{ promptTokens: 5_000, input: "3", output: "30" }],
        tiers: { priority: { input: "4", output: "20" }, flex: { input: "1", output: "5" } },
      },
    });
    const tier = (service_tier: string, tokens = 1_000): bigint =>
      table.price("m", { inputTokens: tokens, outputTokens: 1, cachedInputTokens: 100, service_tier }).amount;
    expect(tier("default")).toBe(900n * 200n + 100n * 100n + 1_000n);
    expect(tier("PRIORITY")).toBe(1_000n * 400n + 2_000n);
    expect(tier("flex")).toBe(900n * 100n + 100n * 100n + 500n);
    // Batch has no price of its own: the plain one is not less.
    expect(tier("batch")).toBe(tier("default"));
    // The threshold holds for the tier too, where the plain prices are dearer.
    expect(tier("priority", 6_000)).toBe(6_000n * 400n + 3_000n);
    const twice = { input: "1", tiers: { batch: { input: "1" } }, multipliers: { tier: { batch: "0.5" } } };
    expect(() => createPriceTable({ m: twice })).toThrow('"batch" of "m" has both');
  });

  it.each([
    ["openai/gpt-a", "1"],
    ["openrouter/openai/gpt-a", "1"],
    ["gpt-a-2025-08-07", "1"],
    ["gpt-a-latest", "1"],
    ["gpt-b", "2"],
    ["gpt-b-latest", "2"],
    ["anthropic/claude-c@20250929", "3"],
    ["my-deployment", "3"],
    ["gpt-b-2026-01-01", undefined],
    ["gpt-d", undefined],
    ["gpt", undefined],
    ["gpt-a-mini", undefined],
    ["toString", undefined],
  ])("are found under the names that a model goes by: %s", (name, input) => {
    const table = createPriceTable(
      {
        "gpt-a": { input: "1", output: "0" },
        "gpt-b-2025-01-01": { input: "2", output: "0" },
        "claude-c": { input: "3", output: "0" },
        "gpt-d-2025-01-01": { input: "4", output: "0" },
        "gpt-d-2025-02-01": { input: "5", output: "0" },
      },
      { aliases: { "my-deployment": "claude-c-20250929" } },
    );
    expect(table.has(name)).toBe(input !== undefined);
    const price = (): bigint => table.price(name, { tokens: 1_000_000 }).amount;
    if (input === undefined) expect(price).toThrow(`"${name}" has no price`);
    else expect(price()).toBe(usd(input).amount);
  });

  it("are the provider's own where it is trusted, whatever else the usage object holds", () => {
    const entries = { m: { input: "1", output: "1" } };
    const stated = { ...usage, cost: 4.1e-9, mystery: 7 };
    const trusting = createPriceTable(entries, { trustStatedCost: true });
    expect(trusting.price("anything", stated)).toEqual(usdMicrocents(1));
    expect(trusting.price("m", usage)).toEqual(usd("0.0011"));
    expect(trusting.has("anything")).toBe(false);
    expect(() => createPriceTable(entries).price("m", stated)).toThrow("/usage/mystery");
    expect(() => createPriceTable(entries, { trustStatedCost: (model) => model === "m" }).price("x", stated)).toThrow(
      "no price",
    );
    for (const cost of [-1, Number.NaN, "cheap", true]) {
      expect(() => trusting.price("m", { ...usage, cost })).toThrow("/usage/cost: is no amount of money");
    }
  });

  it("of a table are checked when it is made", () => {
    expect(() => createPriceTable({ m: { input: "1", above: [{ promptTokens: 1.5, input: "2" }] } })).toThrow(
      "promptTokens",
    );
    expect(() => createPriceTable({ m: { input: "1", maxOutputTokens: -1 } })).toThrow("maxOutputTokens");
    const misspelt: readonly unknown[] = [
      { input: "1", abov: [] },
      { input: "1", above: [{ promptTokens: 5, ouput: "2" }] },
      { input: "1", tiers: { priority: { inputs: "2" } } },
      { input: "1", multipliers: { geo: { us: "1.1" } } },
    ];
    for (const entry of misspelt) {
      expect(() => createPriceTable({ m: entry as ModelPrices })).toThrow(
        /"(?:abov|ouput|inputs|geo)" of "m" is no name/,
      );
    }
    expect(createPriceTable({ m: { input: "1", source: { from: "a file" } } }).has("m")).toBe(true);
    expect(() => createPriceTable({ m: { per: { image: "x" } } })).toThrow('image price of "m"');
    expect(() => createPriceTable({ m: { multipliers: { region: { us: "1,1" } } } })).toThrow(
      'us region multiplier of "m"',
    );
  });
});
