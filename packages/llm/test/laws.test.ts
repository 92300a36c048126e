import { ValidationError } from "@imprest/core";
import { type ModelPrices, createPriceTable, readUsage } from "@imprest/llm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const full: ModelPrices = {
  input: "2",
  cachedInput: "0.2",
  cacheWrite: "2.5",
  cacheWrite1h: "4",
  audioInput: "40",
  imageInput: "3",
  videoInput: "3",
  documentInput: "2",
  output: "10",
  audioOutput: "80",
  imageOutput: "30",
  per: { webSearch: "0.01", second: "0.0001", source: "0.02", searchUnit: "0.002" },
};
const prices = createPriceTable({ full, plain: { input: "2", output: "10" } });

/** One usage object of each wire, every count above zero. */
const wires: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  [
    "OpenAI chat",
    {
      prompt_tokens: 100,
      completion_tokens: 50,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 10, cache_write_tokens: 5, audio_tokens: 20 },
      completion_tokens_details: { reasoning_tokens: 9, audio_tokens: 8 },
    },
  ],
  [
    "OpenAI responses",
    { input_tokens: 100, output_tokens: 50, total_tokens: 150, input_tokens_details: { cached_tokens: 9 } },
  ],
  [
    "Anthropic",
    {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_input_tokens: 7,
      cache_creation_input_tokens: 12,
      cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 7 },
      server_tool_use: { web_search_requests: 1 },
    },
  ],
  [
    "Gemini",
    {
      promptTokenCount: 100,
      candidatesTokenCount: 50,
      thoughtsTokenCount: 10,
      totalTokenCount: 160,
      promptTokensDetails: [{ modality: "AUDIO", tokenCount: 30 }],
    },
  ],
  [
    "Bedrock",
    { inputTokens: 100, outputTokens: 50, totalTokens: 170, cacheReadInputTokens: 20, cacheWriteInputTokens: 0 },
  ],
  ["Mistral's SDK", { promptTokens: 100, completionTokens: 50, totalTokens: 150 }],
  [
    "AI SDK",
    {
      inputTokens: 100,
      outputTokens: 50,
      totalTokens: 150,
      cachedInputTokens: 5,
      raw: { input_tokens: 100, output_tokens: 50 },
    },
  ],
  ["LangChain", { input_tokens: 100, output_tokens: 50, total_tokens: 150, input_token_details: { cache_read: 5 } }],
  ["OpenAI Agents", { requests: 1, inputTokens: 100, outputTokens: 50, inputTokensDetails: [{ cached_tokens: 5 }] }],
  ["Cohere", { billed_units: { input_tokens: 100, output_tokens: 50, search_units: 1 } }],
  ["a transcription", { seconds: 9 }],
  ["our own words", { tokens: { input: 100, output: 50 }, units: { webSearch: 1 } }],
];

/** Every path to a number of the object. */
function paths(value: unknown, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value === "number") return [at];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    paths(inner, [...at, Array.isArray(value) ? Number(name) : name]),
  );
}

function replaced(value: unknown, [name, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (name === undefined) return by;
  if (Array.isArray(value)) return value.map((inner, at) => (at === name ? replaced(inner, rest, by) : inner));
  const members = value as Readonly<Record<string, unknown>>;
  return { ...members, [name]: replaced(members[name], rest, by) };
}

describe.each(wires)("a usage object of %s", (_name, usage) => {
  const price = prices.price("full", usage).amount;

  it("law: a number that nobody knows is refused by its name, wherever it stands", () => {
    const objects = [[], ...paths(usage).map((path) => path.slice(0, -1))];
    const name = fc.stringMatching(/^zz[a-z]{3,12}(_tokens|_units|Count)?$/);
    fc.assert(
      fc.property(name, fc.constantFrom(...objects), fc.integer({ min: 1, max: 10_000 }), (member, path, count) => {
        const before = path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], usage);
        const after = replaced(usage, path, { ...(before as object), [member]: count });
        expect(() => prices.price("full", after)).toThrow(ValidationError);
        expect(() => prices.price("full", after)).toThrow(member);
      }),
    );
  });

  it("law: a count that is no whole number is refused by its name", () => {
    const junk = fc.constantFrom<unknown>(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "5", true, 5n);
    fc.assert(
      fc.property(fc.constantFrom(...paths(usage)), junk, (path, value) => {
        expect(() => readUsage(replaced(usage, path, value))).toThrow(String(path.at(-1)));
      }),
    );
  });

  it("law: more of any count never costs less, but for what is cached", () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths(usage)), fc.integer({ min: 1, max: 20 }), (path, more) => {
        fc.pre(!/cache/i.test(path.join("/")));
        const before = path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], usage);
        let charged: bigint;
        try {
          charged = prices.price("full", replaced(usage, path, Number(before) + more)).amount;
        } catch (error) {
          expect(error).toBeInstanceOf(ValidationError);
          return;
        }
        expect(charged).toBeGreaterThanOrEqual(price);
      }),
    );
  });

  it("law: a table with fewer prices refuses or charges the dearest of the side, it drops nothing", () => {
    const { tokens, units } = readUsage(usage);
    let charged: bigint;
    try {
      charged = prices.price("plain", usage).amount;
    } catch (error) {
      expect(error).toBeInstanceOf(ValidationError);
      expect(String(error)).toMatch(/add (?:\w+|per\.\w+) to "plain"/);
      return;
    }
    expect(units["webSearch"] ?? units["second"]).toBeUndefined();
    const inputs = Object.entries(tokens).filter(([kind]) => /input|cache/i.test(kind));
    const outputs = Object.entries(tokens).filter(([kind]) => /output|reasoning/i.test(kind));
    const sum = (side: readonly (readonly [string, number])[]): bigint =>
      side.reduce((all, [, count]) => all + BigInt(count), 0n);
    expect(charged).toBe(sum(inputs) * 200n + sum(outputs) * 1_000n);
  });
});

it("law: an estimate of as many tokens is never below the price, whatever class, tier and region they fall in", () => {
  const table = createPriceTable({
    m: {
      ...full,
      above: [{ promptTokens: 500, input: "3", output: "20" }],
      tiers: { priority: { input: "5", output: "25" } },
      multipliers: { region: { us: "1.1" } },
    },
  });
  const count = fc.integer({ min: 0, max: 400 });
  const words = {
    service_tier: fc.constantFrom("priority", "standard", "batch"),
    inference_geo: fc.constantFrom("us", "global"),
  };
  fc.assert(
    fc.property(count, count, count, count, fc.record(words), (plain, cached, written, output, terms) => {
      const usage = {
        input_tokens: plain,
        output_tokens: output,
        cache_read_input_tokens: cached,
        cache_creation: { ephemeral_1h_input_tokens: written },
        ...terms,
      };
      const tokens = { inputTokens: plain + cached + written, maxOutputTokens: output };
      expect(table.estimate("m", tokens).amount).toBeGreaterThanOrEqual(table.price("m", usage).amount);
    }),
  );
});
