import type { Members } from "./members.ts";
import { type Reading, least, readTerms, readWrites } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";

const own = ["cache_read", "cache_creation", "audio", "image", "video", "document", "text", "reasoning"];
/** @langchain/openai counts a tier's tokens once more under the tier's name. */
const tiers = ["priority", "flex"];
const tiered = tiers.flatMap((tier) => [tier, `${tier}_cache_read`, `${tier}_reasoning`]);

export function isLangChain(usage: Members): boolean {
  const details = [usage.at("input_token_details"), usage.at("output_token_details")];
  return usage.names("input_tokens") && details.some((detail) => detail.names(...own, ...tiered));
}

/** `usage_metadata` of a LangChain message: cached tokens are counted among the input tokens. */
export function readLangChain(usage: Members): Reading {
  const input = usage.at("input_token_details");
  const output = usage.at("output_token_details");
  for (const details of [input, output]) details.free("text");
  const tier = tiers.find((name) => [input, output].some((details) => details.most(name, `${name}_cache_read`) > 0));
  for (const details of [input, output]) if (tier !== undefined) details.free(tier);
  const all = usage.needed("input_tokens");
  const cached = tiers.map((name) => `${name}_cache_read`);
  const reasoned = tiers.map((name) => `${name}_reasoning`);
  return {
    tokens: {
      ...splitInput(usage, {
        all,
        cached: least(...input.counts("cache_read", ...cached).filter((count) => count > 0)),
        ...readWrites(input.most("cache_creation"), input),
        audio: input.most("audio"),
        image: input.most("image"),
        video: input.most("video"),
        document: input.most("document"),
      }),
      ...splitOutput({
        all: outputByTotal(usage.needed("output_tokens"), all, usage.count("total_tokens")),
        reasoning: output.most("reasoning", ...reasoned),
        audio: output.most("audio"),
        image: output.most("image"),
        video: output.most("video"),
      }),
    },
    terms: { ...readTerms(usage), ...(tier !== undefined && { tier }) },
  };
}
