import type { Members } from "./members.ts";
import { type Reading, least, readTerms, readWrites, unitName } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";

export function isResponses(usage: Members): boolean {
  return usage.names("input_tokens");
}

/** OpenAI responses, realtime, images, and transcription by tokens; the Responses wire of xAI. */
export function readResponses(usage: Members): Reading {
  const input = usage.needed("input_tokens");
  const details = usage.at("input_tokens_details", "input_token_details");
  const cached = details.at("cached_tokens_details");
  for (const part of [details, cached]) part.free("text_tokens");
  const writes = readWrites(details.most("cache_write_tokens"), details.at("cache_write_tokens_details"));
  const output = usage.at("output_tokens_details", "output_token_details");
  output.free("text_tokens");
  const total = usage.count("total_tokens");
  const stated = usage.count("output_tokens");
  if (stated === undefined && total === undefined) usage.missing("output_tokens");
  const tools = usage.at("server_side_tool_usage_details").everyCount();
  const isListed = tools.some(([, count]) => count > 0);
  const called = usage.most("num_server_side_tools_used");
  // OpenAI states it beside the usage object, so whoever reads the answer puts it in. What was drawn has prices of its own.
  const searches = usage.at("tool_usage").at("web_search").most("num_requests");
  return {
    tokens: {
      ...splitInput(usage, {
        all: input,
        cached: least(...details.counts("cached_tokens")),
        ...writes,
        audio: details.most("audio_tokens"),
        image: details.most("image_tokens"),
        cachedAudio: cached.most("audio_tokens"),
        cachedImage: cached.most("image_tokens"),
      }),
      ...splitOutput({
        all: outputByTotal(stated ?? 0, input, total),
        reasoning: Math.max(output.most("reasoning_tokens"), usage.most("reasoning_tokens")),
        audio: output.most("audio_tokens"),
        image: output.most("image_tokens"),
      }),
    },
    units: {
      ...Object.fromEntries(tools.map(([name, count]) => [unitName(name), count])),
      ...(!isListed && { serverTool: called }),
      source: usage.most("num_sources_used"),
      ...(searches > 0 && { webSearch: searches }),
    },
    terms: readTerms(usage),
  };
}
