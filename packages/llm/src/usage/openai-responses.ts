import type { Members } from "./members.ts";
import { type Reading, type Writes, least, readTerms, readWrites, unitName } from "./reading.ts";
import { type InputParts, type OutputParts, outputByTotal, splitInput, splitOutput } from "./split.ts";
import { type TokenCounts, sumCounts } from "./usage.ts";

/** What is spoken and written, where a realtime or a speech model counts them apart. */
const inputParts = ["input_text_tokens", "input_audio_tokens"];
const outputParts = ["output_text_tokens", "output_audio_tokens"];

export function isResponses(usage: Members): boolean {
  return usage.names("input_tokens", "input_characters", ...inputParts);
}

/**
 * OpenAI responses, realtime, images, and transcription by tokens; the Responses wire of xAI; the AI SDK 5 to 7. Cached tokens
 * are counted among the input tokens.
 */
export function readResponses(usage: Members): Reading {
  const tools = usage.at("server_side_tool_usage_details").everyCount();
  const isListed = tools.some(([, count]) => count > 0);
  const called = usage.most("num_server_side_tools_used");
  // OpenAI states it beside the usage object, so whoever reads the answer puts it in. What was drawn has prices of its own.
  const searches = usage.at("tool_usage").at("web_search").most("num_requests");
  return {
    tokens: readResponseTokens(usage),
    units: {
      ...Object.fromEntries(tools.map(([name, count]) => [unitName(name), count])),
      ...(!isListed && { serverTool: called }),
      source: usage.most("num_sources_used"),
      character: usage.most("input_characters"),
      second: usage.most("seconds", "input_audio_seconds"),
      ...(searches > 0 && { webSearch: searches }),
    },
    terms: readTerms(usage),
  };
}

/** The details may be a list of them, where several requests are summed up. */
export function readResponseTokens(usage: Members): TokenCounts {
  const input = readInput(usage);
  const total = usage.count("total_tokens");
  const details = usage.list("output_tokens_details", "output_token_details");
  for (const part of details) part.free("text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens");
  const stated = countOrSum(usage, "output_tokens", outputParts);
  // Speech that is charged by its characters has no tokens.
  if (stated === undefined && total === undefined && !usage.has("input_characters")) usage.missing("output_tokens");
  const output: OutputParts = {
    all: outputByTotal(stated ?? 0, input.all, total),
    reasoning: Math.max(sumOf(details, "reasoning_tokens"), usage.most("reasoning_tokens")),
    audio: Math.max(sumOf(details, "audio_tokens"), usage.most("output_audio_tokens")),
    image: sumOf(details, "image_tokens"),
  };
  return { ...splitInput(usage, input), ...splitOutput(output) };
}

function readInput(usage: Members): InputParts {
  const details = usage.list("input_tokens_details", "input_token_details");
  const cached = details.flatMap((part) => part.list("cached_tokens_details"));
  for (const part of [...details, ...cached]) part.free("text_tokens", "no_cache_tokens");
  usage.free("cached_input_text_tokens");
  const writes: Partial<Writes> = sumCounts<keyof Writes>(
    details.map((part) => readWrites(part.most("cache_write_tokens"), part.at("cache_write_tokens_details"))),
  );
  const { written = 0, written1h = 0, written12h = 0 } = writes;
  const reads = ["cached_tokens", "cache_read_tokens"].flatMap((name) =>
    details.some((part) => part.has(name)) ? [sumOf(details, name)] : [],
  );
  const all = countOrSum(usage, "input_tokens", inputParts);
  return {
    all: all ?? (usage.has("input_characters") ? 0 : usage.missing("input_tokens")),
    cached: least(...reads, ...usage.counts("cached_input_tokens")),
    written: Math.max(written, usage.most("cache_write_tokens") - written1h - written12h),
    written1h,
    written12h,
    audio: Math.max(sumOf(details, "audio_tokens"), usage.most("input_audio_tokens")),
    image: sumOf(details, "image_tokens"),
    cachedAudio: Math.max(sumOf(cached, "audio_tokens"), usage.most("cached_input_audio_tokens")),
    cachedImage: sumOf(cached, "image_tokens"),
  };
}

function sumOf(parts: readonly Members[], name: string): number {
  return parts.reduce((total, part) => total + part.most(name), 0);
}

/** A count, or the sum of its parts where it is left out. */
function countOrSum(usage: Members, name: string, parts: readonly string[]): number | undefined {
  const counts = usage.counts(...parts);
  const sum = counts.length === 0 ? undefined : counts.reduce((total, count) => total + count, 0);
  return usage.count(name) ?? sum;
}
