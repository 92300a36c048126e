import type { Members } from "./members.ts";
import type { Reading } from "./reading.ts";

export function isCohere(usage: Members): boolean {
  return usage.isObject("billed_units");
}

/** Cohere's chat, embed and rerank: `billed_units` is the bill, `tokens` is what the model saw. */
export function readCohere(usage: Members): Reading {
  const billed = usage.at("billed_units");
  const seen = usage.at("tokens");
  seen.free("input_tokens", "output_tokens");
  usage.free("cached_tokens");
  return {
    tokens: {
      input: billed.most("input_tokens"),
      output: billed.most("output_tokens"),
      imageInput: billed.most("image_tokens"),
    },
    units: {
      searchUnit: billed.most("search_units"),
      classification: billed.most("classifications"),
      image: billed.most("images"),
      page: billed.most("pages"),
    },
  };
}
