import { type Members, unreadable } from "./members.ts";
import { type Reading, least, readServerTools, readTerms, readWrites, unitName } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";
import type { UnitCounts } from "./usage.ts";

export function isChat(usage: Members): boolean {
  return usage.names("prompt_tokens");
}

/**
 * OpenAI chat completions and embeddings, and all that speak this wire: DeepSeek, xAI, Groq, Moonshot, Mistral, OpenRouter,
 * Perplexity, and LiteLLM before any of them.
 */
export function readChat(usage: Members): Reading {
  const input = readInput(usage);
  const prompt = usage.needed("prompt_tokens");
  usage.same("input_tokens", "prompt_tokens", prompt);
  return {
    tokens: { ...splitInput(usage, input), ...readOutput(usage, prompt) },
    units: readUnits(usage),
    terms: readTerms(usage),
  };
}

function readInput(usage: Members): Parameters<typeof splitInput>[1] {
  const prompt = usage.needed("prompt_tokens");
  const details = usage.at("prompt_tokens_details", "prompt_token_details", "input_tokens_details");
  details.free("text_tokens");
  // Mistral counts the tokens of the prompt by message once more.
  for (const message of details.list("messages")) message.free("total_tokens", "settings_tokens", "usage_count");
  const within = [
    ...details.counts("cached_tokens"),
    // Moonshot, Mistral and DeepSeek.
    ...usage.counts("cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens"),
  ];
  const [missed] = usage.counts("prompt_cache_miss_tokens");
  if (missed !== undefined && missed + least(...within) !== prompt) {
    throw unreadable(`${usage.pointer}/prompt_cache_miss_tokens`, "and the hits differ from prompt_tokens");
  }
  const writtenWithin = details.counts("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens");
  // Anthropic's own counts: proxies that do not repeat them among the details may have left them out of prompt_tokens.
  const reads = usage.counts("cache_read_input_tokens");
  const writes = usage.counts("cache_creation_input_tokens", "cache_write_tokens");
  const readBeside = within.length > 0 ? 0 : Math.max(0, ...reads);
  const writtenBeside = writtenWithin.length > 0 || within.length > 0 ? 0 : Math.max(0, ...writes);
  const classes = details.at("cache_creation_token_details", "cache_creation");
  return {
    all: prompt + readBeside + writtenBeside,
    cached: readBeside + least(...within),
    ...readWrites(Math.max(0, ...writtenWithin, ...writes), classes),
    audio: details.most("audio_tokens"),
    image: details.most("image_tokens"),
    video: details.most("video_tokens"),
  };
}

/** An embedding has a total and no output; some proxies of Gemini count thoughts in the total alone. */
function readOutput(usage: Members, prompt: number): Reading["tokens"] {
  const details = usage.at("completion_tokens_details", "output_tokens_details");
  details.free("accepted_prediction_tokens", "rejected_prediction_tokens");
  const total = usage.count("total_tokens");
  const stated = usage.count("completion_tokens");
  if (stated === undefined && total === undefined) usage.missing("completion_tokens");
  if (stated !== undefined) usage.same("output_tokens", "completion_tokens", stated);
  const inner = details.most("reasoning_tokens");
  const outer = usage.most("reasoning_tokens");
  const reasoning = Math.max(inner, outer);
  const texts = details.counts("text_tokens");
  if (total === undefined && texts.length === 0 && reasoning > 0) {
    const message = "is missing, so reasoning tokens may stand beside completion_tokens";
    throw unreadable(`${usage.pointer}/total_tokens`, message);
  }
  const spoken = details.most("audio_tokens");
  const drawn = details.most("image_tokens");
  const parts = total === undefined && texts.length > 0 ? Math.max(...texts) + reasoning + spoken + drawn : 0;
  const output = Math.max(outputByTotal(stated ?? 0, prompt, total), parts);
  // Perplexity counts a deep search's reasoning outside of every other count.
  const beside = usage.has("citation_tokens", "num_search_queries") ? outer : 0;
  return splitOutput({ all: output + beside, reasoning, audio: spoken, image: drawn });
}

/** What is charged by the piece: searches, sources, seconds of audio. */
function readUnits(usage: Members): UnitCounts {
  const tools = usage.at("server_side_tool_usage_details").everyCount();
  const isListed = tools.some(([, count]) => count > 0);
  const called = usage.most("num_server_side_tools_used");
  const size = usage.word("search_context_size")?.toLowerCase();
  // Mistral writes `{}` where there was no audio.
  const seconds = usage.isObject("prompt_audio_seconds") ? 0 : usage.most("prompt_audio_seconds");
  const searches = readServerTools(usage);
  return {
    ...searches,
    ...Object.fromEntries(tools.map(([name, count]) => [unitName(name), count + (searches[unitName(name)] ?? 0)])),
    ...(!isListed && { serverTool: called }),
    ...(size !== undefined && { [unitName(`search_context_${size}`)]: 1 }),
    source: usage.most("num_sources_used"),
    searchQuery: usage.most("num_search_queries"),
    citationToken: usage.most("citation_tokens"),
    second: seconds,
    ...(usage.has("request_count") && { request: usage.most("request_count") }),
  };
}
