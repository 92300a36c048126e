import { usd, usdMicrocents } from "@imprest/core";
import { createPriceTable, tokenUsage } from "@imprest/llm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const prices = createPriceTable({
  big: { input: "2.50", output: "10.00", cachedInput: "1.25", cacheWrite: "3.125" },
  odd: { input: "0.0000001", output: "0.15" },
});

describe("createPriceTable", () => {
  it("Cycles study §9 #35: prices a call exactly", () => {
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

  it("asp 6 18: refuses what it cannot price", () => {
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

  it("asp 6 18, law: an estimate is never below what the same tokens cost", () => {
    const count = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(count, count, fc.nat(100), fc.nat(100), (input, output, cachedShare, writtenShare) => {
        const cached = Math.floor((input * cachedShare) / 200);
        const written = Math.floor((input * writtenShare) / 200);
        const usage = {
          inputTokens: input,
          outputTokens: output,
          cachedInputTokens: cached,
          cacheWriteTokens: written,
        };
        const actual = prices.price("big", {
          inputTokens: { total: input, cacheRead: cached, cacheWrite: written },
          outputTokens: { total: output },
        });
        const estimate = prices.estimate("big", { inputTokens: input, maxOutputTokens: output });
        expect(estimate.amount).toBeGreaterThanOrEqual(actual.amount);
        expect(
          tokenUsage({
            inputTokens: { total: input, cacheRead: cached, cacheWrite: written },
            outputTokens: { total: output },
          }),
        ).toEqual(usage);
      }),
    );
  });
});

describe("tokenUsage", () => {
  it.each([
    [
      "OpenAI chat",
      { prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } },
      { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4 },
    ],
    [
      "OpenAI responses",
      { input_tokens: 10, output_tokens: 2, input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 } },
      { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4, cacheWriteTokens: 1 },
    ],
    [
      "Anthropic",
      { input_tokens: 5, output_tokens: 2, cache_read_input_tokens: 4, cache_creation_input_tokens: 1 },
      { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4, cacheWriteTokens: 1 },
    ],
    [
      "Anthropic with null counts",
      { input_tokens: 5, output_tokens: 2, cache_read_input_tokens: null, cache_creation_input_tokens: null },
      { inputTokens: 5, outputTokens: 2, cachedInputTokens: 0, cacheWriteTokens: 0 },
    ],
    [
      "AI SDK 5",
      { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4, totalTokens: 12 },
      { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4 },
    ],
    [
      "AI SDK 7",
      { inputTokens: { total: 10, noCache: 6, cacheRead: 4 }, outputTokens: { total: 2 } },
      { inputTokens: 10, outputTokens: 2, cachedInputTokens: 4 },
    ],
  ])("reads %s", (_name, usage, expected) => {
    expect(tokenUsage(usage)).toEqual(expected);
  });

  it.each([
    null,
    undefined,
    "5",
    {},
    { prompt_tokens: 1 },
    { prompt_tokens: -1, completion_tokens: 1 },
    { prompt_tokens: 1.5, completion_tokens: 1 },
    { inputTokens: undefined, outputTokens: 3 },
  ])("gives nothing rather than a wrong count: %o", (usage) => {
    expect(tokenUsage(usage)).toBeUndefined();
  });
});
