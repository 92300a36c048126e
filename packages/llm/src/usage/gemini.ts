import { type Members, unreadable } from "./members.ts";
import { type Reading, readTerms } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";

/** `response` is the live API's word. */
const candidates = ["candidates_token_count", "response_token_count"];

export function isGemini(usage: Members): boolean {
  return usage.names("prompt_token_count", "total_token_count");
}

/** Gemini's `usageMetadata`: thoughts stand beside the candidates, a tool's prompt beside the prompt. */
export function readGemini(usage: Members): Reading {
  // What the first of several turns read is a part of the prompt.
  usage.free("initial_prompt_token_count");
  const input = usage.needed("prompt_token_count") + usage.most("tool_use_prompt_token_count");
  const thoughts = usage.most("thoughts_token_count");
  const total = usage.count("total_token_count");
  if (total === undefined && !usage.has(...candidates, "thoughts_token_count")) usage.missing("candidates_token_count");
  const cached = modalities(usage, ["cache_tokens_details"]);
  return {
    tokens: {
      ...splitInput(usage, {
        all: input,
        cached: usage.most("cached_content_token_count"),
        ...modalities(usage, ["prompt_tokens_details", "tool_use_prompt_tokens_details"]),
        cachedAudio: cached.audio,
        cachedImage: cached.image,
      }),
      ...splitOutput({
        all: outputByTotal(usage.most(...candidates) + thoughts, input, total),
        reasoning: thoughts,
        ...modalities(usage, ["candidates_tokens_details", "response_tokens_details"]),
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
    const count = detail.most("token_count", "tokens");
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
