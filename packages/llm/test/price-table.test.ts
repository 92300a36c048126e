import { ValidationError, usd, usdMicrocents } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
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

  it("asp 6 18, law: an estimate is never below what the same tokens cost", () => {
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
