import { type Members, unreadable } from "./members.ts";
import { type Reading, readTerms } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";

/** Each count in the spelling of the API and of its snake-case SDKs; `response` is the live API's word. */
const names = {
  prompt: ["promptTokenCount", "prompt_token_count"],
  candidates: ["candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count"],
  thoughts: ["thoughtsTokenCount", "thoughts_token_count"],
  toolUse: ["toolUsePromptTokenCount", "tool_use_prompt_token_count"],
  cached: ["cachedContentTokenCount", "cached_content_token_count"],
  total: ["totalTokenCount", "total_token_count"],
} as const;
const details = {
  prompt: ["promptTokensDetails", "prompt_tokens_details"],
  candidates: [
    "candidatesTokensDetails",
    "candidates_tokens_details",
    "responseTokensDetails",
    "response_tokens_details",
  ],
  toolUse: ["toolUsePromptTokensDetails", "tool_use_prompt_tokens_details"],
  cached: ["cacheTokensDetails", "cache_tokens_details"],
} as const;

export function isGemini(usage: Members): boolean {
  return usage.names(...names.prompt, ...names.total);
}

/** Gemini's `usageMetadata`: thoughts stand beside the candidates, a tool's prompt beside the prompt. */
export function readGemini(usage: Members): Reading {
  if (!usage.has(...names.prompt)) usage.missing(names.prompt[0]);
  // What the first of several turns read is a part of the prompt.
  usage.free("initialPromptTokenCount", "initial_prompt_token_count");
  const input = usage.most(...names.prompt) + usage.most(...names.toolUse);
  const thoughts = usage.most(...names.thoughts);
  const [total] = usage.counts(...names.total);
  if (total === undefined && !usage.has(...names.candidates, ...names.thoughts)) usage.missing(names.candidates[0]);
  const asked = modalities(usage, [...details.prompt, ...details.toolUse]);
  const cached = modalities(usage, details.cached);
  const answered = modalities(usage, details.candidates);
  return {
    tokens: {
      ...splitInput(usage, {
        all: input,
        cached: usage.most(...names.cached),
        ...asked,
        cachedAudio: cached.audio,
        cachedImage: cached.image,
      }),
      ...splitOutput({
        all: outputByTotal(usage.most(...names.candidates) + thoughts, input, total),
        reasoning: thoughts,
        ...answered,
      }),
    },
    terms: readTerms(usage),
  };
}

interface Modalities {
  readonly audio: number;
  readonly image: number;
  readonly video: number;
  readonly document: number;
}

/** Tokens by what they are of, but for text. */
export function modalities(usage: Members, lists: readonly string[]): Modalities {
  const sums = { audio: 0, image: 0, video: 0, document: 0 };
  for (const detail of usage.list(...lists)) {
    const count = detail.most("tokenCount", "token_count", "tokens");
    const modality = (detail.word("modality") ?? "TEXT").toLowerCase();
    if (modality === "text" || count === 0) continue;
    if (!isModality(modality)) throw unreadable(`${detail.pointer}/modality`, "is not known");
    sums[modality] += count;
  }
  return sums;
}

function isModality(word: string): word is keyof Modalities {
  return ["audio", "image", "video", "document"].includes(word);
}
