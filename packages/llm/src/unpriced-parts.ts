import { type Part, isMembers, partsOf, unreadable } from "./usage-members.ts";

/** Counts that are read, or that are a part of one that is read and have its price. */
const pricedCounts = new Set([
  "prompt_tokens",
  "completion_tokens",
  "input_tokens",
  "output_tokens",
  "total_tokens",
  "cached_tokens",
  "promptTokens",
  "completionTokens",
  "inputTokens",
  "outputTokens",
  "totalTokens",
  "noCacheTokens",
  "cache_write_tokens",
  "cache_creation_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "cachedInputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "cacheReadInputTokens",
  "cacheWriteInputTokens",
  "prompt_cache_hit_tokens",
  "prompt_cache_miss_tokens",
  "ephemeral_5m_input_tokens",
  "text_tokens",
  "textTokens",
  "reasoning_tokens",
  "reasoningTokens",
  "thinking_tokens",
  "accepted_prediction_tokens",
  "rejected_prediction_tokens",
  // The short names of LangChain and of AI SDK providers.
  "total",
  "text",
  "reasoning",
  "noCache",
  "cacheRead",
  "cacheWrite",
  "cache_read",
  "cache_creation",
  // Gemini's own counts, which an AI SDK result holds in `raw`.
  "promptTokenCount",
  "candidatesTokenCount",
  "thoughtsTokenCount",
  "cachedContentTokenCount",
  "totalTokenCount",
  "tokenCount",
]);

/** Counts that cost nothing. Anthropic charges a web fetch by its tokens alone. */
const free = new Set(["requests", "web_fetch_requests"]);
/** Amounts of money and durations of the call count nothing. */
const uncounted = /cost|latency|^time_|_time$|_per_sec$|_rate$/i;

/** The words under which a table's prices hold, or less is charged. */
const pricedWords: Readonly<Record<string, readonly string[]>> = {
  service_tier: ["standard", "default", "auto", "on_demand", "flex", "batch"],
  inference_geo: ["global", "not_available"],
  speed: ["standard"],
  // Bedrock's cache lifetimes; a longer one costs more.
  ttl: ["5m"],
  // Gemini's details; audio costs more.
  modality: ["TEXT"],
};

/** Usage objects are nested three deep; `raw` of the AI SDK holds another. */
const deepest = 5;

/**
 * Refuses what has a price that a table of input and output tokens cannot hold: dropped, it would be charged too low.
 * A number under a name that nobody knows here may be such a thing too.
 * @throws ValidationError naming the member.
 */
export function refuseUnpricedParts(part: Part, depth = 0): void {
  for (const [name, value] of Object.entries(part.members)) {
    if (value === undefined || value === null || value === 0) continue;
    if (uncounted.test(name)) continue;
    if (isUnpricedCount(name, value) || isUnpricedWord(name, value)) {
      throw unreadable(`${part.pointer}/${name}`, "is charged at a price that the table has no place for");
    }
    if (name === "iterations") refuseOtherIterations(part);
    const isNested = isMembers(value) || (Array.isArray(value) && value.some(isMembers));
    if (!isNested) continue;
    if (depth === deepest) throw unreadable(`${part.pointer}/${name}`, "is nested too deep");
    for (const inner of partsOf(part, [name])) refuseUnpricedParts(inner, depth + 1);
  }
}

function isUnpricedCount(name: string, value: unknown): boolean {
  const isCount = typeof value === "number" || typeof value === "bigint" || /(tokens|requests)$/i.test(name);
  return isCount && !pricedCounts.has(name) && !free.has(name);
}

function isUnpricedWord(name: string, value: unknown): boolean {
  const words = Object.hasOwn(pricedWords, name) ? pricedWords[name] : undefined;
  return words !== undefined && !(typeof value === "string" && words.includes(value));
}

/** Anthropic's counts leave out iterations that are no message, such as a compaction. */
function refuseOtherIterations(part: Part): void {
  for (const { members, pointer } of partsOf(part, ["iterations"])) {
    if (members["type"] !== "message") throw unreadable(`${pointer}/type`, "is an iteration outside the counts");
  }
}
