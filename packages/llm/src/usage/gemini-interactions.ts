import { modalities } from "./gemini.ts";
import type { Members } from "./members.ts";
import { type Reading, readTerms, unitName } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";

/** What the price files call these tools. */
const tools: Readonly<Record<string, string>> = { google_search: "webSearch", google_maps: "mapsGrounding" };

export function isInteraction(usage: Members): boolean {
  return usage.names("total_input_tokens");
}

/** Gemini's interactions: thoughts stand beside the output, a tool's tokens beside the input. */
export function readInteraction(usage: Members): Reading {
  // What the first of several turns read is a part of the input.
  usage.free("initial_input_tokens");
  const input = usage.needed("total_input_tokens") + usage.most("total_tool_use_tokens");
  const thoughts = usage.most("total_thought_tokens");
  const total = usage.count("total_tokens");
  const output = usage.count("total_output_tokens");
  if (output === undefined && total === undefined) usage.missing("total_output_tokens");
  const cached = modalities(usage, ["cached_tokens_by_modality"]);
  return {
    tokens: {
      ...splitInput(usage, {
        all: input,
        cached: usage.most("total_cached_tokens"),
        ...modalities(usage, ["input_tokens_by_modality", "tool_use_tokens_by_modality"]),
        cachedAudio: cached.audio,
        cachedImage: cached.image,
      }),
      ...splitOutput({
        all: outputByTotal((output ?? 0) + thoughts, input, total),
        reasoning: thoughts,
        ...modalities(usage, ["output_tokens_by_modality"]),
      }),
    },
    units: groundings(usage),
    terms: readTerms(usage),
  };
}

function groundings(usage: Members): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const entry of usage.list("grounding_tool_count")) {
    const type = entry.word("type") ?? "grounding";
    const unit = (Object.hasOwn(tools, type) ? tools[type] : undefined) ?? unitName(type);
    counts[unit] = (counts[unit] ?? 0) + entry.needed("count");
  }
  return counts;
}
