import type { Members } from "./members.ts";
import type { Reading } from "./reading.ts";

export function isCohere(usage: Members): boolean {
  return usage.isObject("billed_units") || usage.isObject("billedUnits");
}

/** Cohere's chat, embed and rerank: `billed_units` is the bill, `tokens` is what the model saw. */
export function readCohere(usage: Members): Reading {
  const billed = usage.at("billed_units", "billedUnits");
  const seen = usage.at("tokens");
  seen.free("input_tokens", "output_tokens", "inputTokens", "outputTokens");
  usage.free("cached_tokens", "cachedTokens");
  return {
    tokens: {
      input: billed.most("input_tokens", "inputTokens"),
      output: billed.most("output_tokens", "outputTokens"),
      imageInput: billed.most("image_tokens", "imageTokens"),
    },
    units: {
      searchUnit: billed.most("search_units", "searchUnits"),
      classification: billed.most("classifications"),
      image: billed.most("images"),
      page: billed.most("pages"),
    },
  };
}
