import { ValidationError, usd } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { isMissing, textOf } from "./shared.ts";

interface Published {
  readonly prices_usd_per_million: Readonly<Record<string, { readonly input: string; readonly output: string }>>;
  readonly rows: readonly {
    readonly from: string;
    readonly model: string;
    readonly usage: unknown;
    readonly right_usd: string | null;
  }[];
}

const published: Published = isMissing
  ? { prices_usd_per_million: {}, rows: [] }
  : (JSON.parse(textOf("llm/usage.json")) as Published);
const prices = createPriceTable(published.prices_usd_per_million);

/** Rows whose price the table's columns can hold. Every other row may be refused. */
const exact = [
  "OpenAI chat, cached + reasoning",
  "OpenAI chat, cache_write_tokens",
  "OpenAI embeddings",
  "Anthropic message, cache 5m",
  "Gemini by OpenAI-compatible proxies",
  "xAI chat",
  "Bedrock Converse, cache read",
  "DeepSeek cache hit/miss only",
  "LiteLLM proxy before Claude",
  "AI SDK 5 result.usage",
  "AI SDK 7 result.usage (",
  "AI SDK 7 result.usage, cache read only",
  "LangChain usage_metadata",
  "OpenAI Agents SDK Usage",
];

describe.skipIf(isMissing)("the usage objects of providers and SDKs", () => {
  it.each(published.rows)("are never priced too low in silence: $from", ({ model, usage, right_usd: right }) => {
    let charged: bigint | undefined;
    try {
      charged = prices.price(model, usage).amount;
    } catch (error) {
      expect(error).toBeInstanceOf(ValidationError);
      return;
    }
    expect(right).not.toBeNull();
    expect(charged).toBeGreaterThanOrEqual(usd(right ?? "0").amount);
  });

  it.each(exact)("are priced exactly where a table of token prices can: %s", (name) => {
    const row = published.rows.find(({ from }) => from.startsWith(name));
    expect(prices.price(row?.model ?? "", row?.usage)).toEqual(usd(row?.right_usd ?? ""));
  });
});
