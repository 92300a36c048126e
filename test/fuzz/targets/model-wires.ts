import { ImprestError } from "@imprest/core";
import { createPrefixMap, createPriceTable, readUsage } from "@imprest/llm";
import { convertPriceFile } from "@imprest/llm/convert";
import { type Target, refusing } from "../target.ts";

const isTyped = (error: unknown): boolean => ImprestError.isInstance(error);
const json = (values: readonly object[]): readonly string[] => values.map((value) => JSON.stringify(value));

function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}

const table = createPriceTable(
  {
    m: {
      input: "1",
      output: "2",
      audioInput: "9",
      above: [{ promptTokens: 100, input: "3" }],
      tiers: { priority: { input: "4" } },
      multipliers: { region: { us: "1.1" } },
      per: { webSearch: "0.01" },
      maxOutputTokens: 10,
    },
  },
  { trustStatedCost: true },
);

/** What a provider says that a call used: read or refused, and what is read has a price that is none below zero. */
export const usageObjects: Target = {
  name: "usage-objects",
  corpus: json([
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 } },
    { input_tokens: 10, output_tokens: 5, input_tokens_details: { cache_write_tokens_details: { ttl_12h_tokens: 1 } } },
    {
      input_tokens: 10,
      output_tokens: 5,
      cache_creation: { ephemeral_1h_input_tokens: 3 },
      iterations: [{ type: "advisor_message", model: "m", input_tokens: 7, output_tokens: 1 }],
    },
    { promptTokenCount: 10, totalTokenCount: 12, promptTokensDetails: [{ modality: "AUDIO", tokenCount: 3 }] },
    { total_input_tokens: 10, total_tokens: 12, grounding_tool_count: [{ type: "google_search", count: 1 }] },
    { inputTokens: 10, outputTokens: 2, cacheReadInputTokens: 3, cacheDetails: [{ ttl: "1h", inputTokens: 1 }] },
    { inputTokens: { total: 3 }, outputTokens: { total: 4 }, raw: { prompt_tokens: 3, completion_tokens: 4 } },
    { requests: 1, inputTokens: 3, outputTokens: 4, requestUsageEntries: [{ inputTokens: 3, outputTokens: 4 }] },
    { tokens: { input: 5 }, units: { webSearch: 1 }, terms: { tier: "priority" } },
    { billed_units: { input_tokens: 3, search_units: 1 } },
    { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cost: 4.1e-7, is_byok: true, cost_details: {} },
  ]),
  start: () => (input) => {
    const usage = parsed(input);
    refusing(() => {
      const { tokens, units } = readUsage(usage);
      const counts = [...Object.values(tokens), ...Object.values(units)];
      if (!counts.every((count) => Number.isSafeInteger(count) && count > 0)) throw new Error("a count is none");
    }, isTyped);
    refusing(() => {
      if (table.price("m", usage).amount < 0n) throw new Error("a price below zero");
    }, isTyped);
  },
};

/** What an agent's program sends: bounded or refused, and remembered as what it was. */
export const modelRequests: Target = {
  name: "model-requests",
  corpus: json([
    {
      model: "m",
      max_tokens: 5,
      messages: [{ role: "user", content: "hi" }],
      tools: [{ name: "f", input_schema: {} }],
    },
    { model: "m", messages: [{ role: "user", content: [{ type: "text", text: "hi", cache_control: {} }] }] },
    { model: "m", messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:,a" } }] }] },
    { contents: [{ parts: [{ inlineData: { data: "AA" } }] }], generationConfig: { maxOutputTokens: 5 } },
    { input: [{ role: "user", content: "hi" }], previous_response_id: "r", service_tier: "priority" },
    { input: "hi", context_management: { edits: [{ type: "compact_20260112" }] } },
  ]),
  start: () => {
    const prefixes = createPrefixMap({ entries: 64 });
    const usage = readUsage({ input_tokens: 20, output_tokens: 1 });
    return async (input) => {
      try {
        const prefix = await prefixes.find("host", input);
        if (prefix !== undefined && prefix.inputTokens !== 20) throw new Error("a prefix of another count");
        await prefixes.remember("host", input, usage);
        table.estimateRequest("m", input, { prefix });
        if (table.estimateRequest("m", input).amount < 0n) throw new Error("an estimate below zero");
      } catch (error) {
        if (!isTyped(error)) throw error;
      }
    };
  },
};

/** A public price file: whatever is converted makes a table. */
export const priceFiles: Target = {
  name: "price-files",
  corpus: json([
    {
      m: {
        mode: "chat",
        input_cost_per_token: 1e-6,
        output_cost_per_token_above_200k_tokens_priority: 2e-6,
        tiered_pricing: [{ range: [0, 5], input_cost_per_token: 1e-6 }],
        search_context_cost_per_query: { search_context_size_low: 0.01 },
        provider_specific_entry: { us: 1.1, fast: 6 },
        max_output_tokens: 5,
      },
      n: { alias_of: "m" },
    },
    { p: { models: { m: { cost: { input: 1, tiers: [{ tier: { type: "context", size: 5 }, input: 2 }] } } } } },
    { p: { models: { m: { cost: { output: 1, context_over_200k: { output: 2 } }, limit: { context: 9 } } } } },
    [{ id: "p", models: [{ id: "m", prices: { input_mtok: { base: 1, tiers: [{ start: 5, price: 2 }] } } }] }],
    [{ id: "p", models: [{ id: "m", prices: [{ constraint: { start_date: "2026-01-01" }, prices: {} }] }] }],
  ]),
  start: () => async (input) => {
    try {
      for (const models of [undefined, ["m", "n", "p/m"]]) {
        createPriceTable((await convertPriceFile(input, { from: "a file", date: "2026-11-28", models })).models);
      }
    } catch (error) {
      if (!isTyped(error)) throw error;
    }
  },
};
