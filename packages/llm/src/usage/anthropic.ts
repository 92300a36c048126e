import { type Members, unreadable } from "./members.ts";
import { type Reading, type Writes, readServerTools, readTerms, readWrites } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";
import { type RequestUsage, type TokenCounts, answerTokens, promptTokens, sumCounts } from "./usage.ts";

const markers = [
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "cache_creation",
  "cache_write_input_tokens",
  "cache_details",
  "server_tool_use",
  "iterations",
  "inference_geo",
];

export function isAnthropic(usage: Members): boolean {
  return usage.names("input_tokens") && usage.names(...markers);
}

/** Anthropic messages, Bedrock Converse. Cached tokens are not counted among the input tokens. */
export function readAnthropic(usage: Members): Reading {
  const tokens = readCounts(usage);
  const units = readServerTools(usage);
  const iterations = usage.list("iterations").map(readIteration);
  const messages = iterations.filter(({ type }) => type === "message" || type === "fallback_message");
  // Where a fallback answered, each attempt is charged at the prices of its own model.
  const isSplit = messages.some(({ type }) => type === "fallback_message");
  const sum = sumCounts(messages.map((iteration) => iteration.tokens));
  if (isSplit && (promptTokens(sum) < promptTokens(tokens) || answerTokens(sum) < answerTokens(tokens))) {
    throw unreadable(`${usage.pointer}/iterations`, "count less than the usage object around them");
  }
  const whole = { tokens, units };
  const beside = iterations.filter((iteration) => !messages.includes(iteration));
  const [first = whole, ...others] = isSplit ? [...messages, ...beside] : [whole, ...beside];
  const requests = [{ ...first, units }, ...others];
  return { tokens: sumCounts(requests.map((request) => request.tokens)), units, requests, terms: readTerms(usage) };
}

function readCounts(usage: Members): TokenCounts {
  const plain = usage.needed("input_tokens");
  const cached = usage.most("cache_read_input_tokens");
  const writes = readCacheWrites(usage);
  const all = plain + cached + writes.written + writes.written1h + writes.written12h;
  const details = usage.at("output_tokens_details");
  const output = outputByTotal(usage.needed("output_tokens"), all, usage.count("total_tokens"));
  return {
    ...splitInput(usage, { all, cached, ...writes }),
    ...splitOutput({ all: output, reasoning: details.most("thinking_tokens", "reasoning_tokens") }),
  };
}

/** By its lifetimes: Anthropic's in an object, Bedrock's in a list. */
function readCacheWrites(usage: Members): Writes {
  const total = usage.most("cache_creation_input_tokens", "cache_write_input_tokens");
  const listed = usage.list("cache_details");
  if (listed.length === 0) return readWrites(total, usage.at("cache_creation"));
  const byLife = { "5m": 0, "1h": 0 };
  for (const detail of listed) {
    const ttl = detail.word("ttl");
    if (ttl !== "5m" && ttl !== "1h")
      throw unreadable(`${detail.pointer}/ttl`, "is a cache lifetime that is not known");
    byLife[ttl] += detail.needed("input_tokens");
  }
  return { written: Math.max(byLife["5m"], total - byLife["1h"]), written1h: byLife["1h"], written12h: 0 };
}

interface Iteration extends RequestUsage {
  readonly type: string | undefined;
}

/** Those of the message are what the counts at the top sum up; a compaction and an advisor's advice stand beside them. */
const iterationTypes: ReadonlySet<string | undefined> = new Set([
  "message",
  "fallback_message",
  "compaction",
  "advisor_message",
]);

function readIteration(iteration: Members): Iteration {
  const type = iteration.word("type");
  if (!iterationTypes.has(type)) {
    throw unreadable(`${iteration.pointer}/type`, "is an iteration of a kind that is not known");
  }
  const model = iteration.word("model");
  return { type, tokens: readCounts(iteration), units: {}, ...(model !== undefined && { model }) };
}
