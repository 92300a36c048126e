import { ValidationError, usd } from "@imprest/core";
import { type ModelPrices, createPriceTable } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { isMissing, textOf } from "./shared.ts";

interface Published {
  readonly prices_usd_per_million: Readonly<Record<string, ModelPrices>>;
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

/** Prices that the plain columns do not name, as the words of `from` state them. */
const stated: readonly (readonly [string, string, ModelPrices])[] = [
  ["audio", "gpt-audio: 40 in, 80 out", { audioInput: "40", audioOutput: "80" }],
  ["realtime", "audio 32/64, cached .40", { audioInput: "32", audioOutput: "64", cachedAudioInput: "0.40" }],
  ["gpt", "$0.006/min", { per: { second: "0.0001" } }],
  ["gpt", "service_tier priority (2x)", { multipliers: { tier: { priority: "2" } } }],
  ["claude", "cache 1h (2x input)", { cacheWrite1h: "6.00" }],
  ["claude", "$10 per 1000", { per: { webSearch: "0.01" } }],
  ["claude", "service_tier batch (half)", { multipliers: { tier: { batch: "0.5" } } }],
  ["claude", "inference_geo us (1.1x)", { multipliers: { region: { us: "1.1" } } }],
  ["gemini", ">200k tier (2.50 in, 15 out)", { above: [{ promptTokens: 200_000, input: "2.50", output: "15" }] }],
];

/** The published table, with what the row itself states beside it; the provider's cost counts for what is not listed. */
function tableFor(from: string): ReturnType<typeof createPriceTable> {
  const table = { ...published.prices_usd_per_million };
  for (const [model, words, prices] of stated) if (from.includes(words)) table[model] = { ...table[model], ...prices };
  return createPriceTable(table, { trustStatedCost: (model) => !Object.hasOwn(table, model) });
}

describe.skipIf(isMissing)("the usage objects of providers and SDKs", () => {
  it("state the prices that the table is extended by", () => {
    const unused = stated.filter(([, words]) => !published.rows.some(({ from }) => from.includes(words)));
    expect(unused).toEqual([]);
    expect(published.rows).toHaveLength(30);
  });

  it.each(published.rows)("are priced to the microcent, or refused where nothing is right: $from", (row) => {
    const price = (): unknown => tableFor(row.from).price(row.model, row.usage);
    if (row.right_usd === null) expect(price).toThrow(ValidationError);
    else expect(price()).toEqual(usd(row.right_usd));
  });
});
