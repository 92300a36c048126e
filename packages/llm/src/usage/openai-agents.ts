import { type Members, unreadable } from "./members.ts";
import { type Reading, type Writes, readWrites } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";
import { type RequestUsage, type TokenCounts, answerTokens, promptTokens, sumCounts } from "./usage.ts";

export function isAgents(usage: Members): boolean {
  return usage.names("inputTokens") && usage.names("requests", "inputTokensDetails", "requestUsageEntries");
}

/** `Usage` of the OpenAI Agents SDK: the sum of several requests, and in newer versions each of them. */
export function readAgents(usage: Members): Reading {
  const tokens = readCounts(usage);
  const count = usage.count("requests");
  const entries = usage.list("requestUsageEntries").map((entry): RequestUsage => {
    return { tokens: readCounts(entry), units: { request: 1 } };
  });
  const sum = sumCounts(entries.map((entry) => entry.tokens));
  if (entries.length === 0 || (count !== undefined && entries.length !== count)) {
    return { tokens, units: { request: count ?? 1 } };
  }
  if (promptTokens(sum) < promptTokens(tokens) || answerTokens(sum) < answerTokens(tokens)) {
    throw unreadable(`${usage.pointer}/requestUsageEntries`, "count less than the sum");
  }
  return { tokens: sum, units: { request: entries.length }, requests: entries };
}

function readCounts(usage: Members): TokenCounts {
  const inputs = usage.list("inputTokensDetails");
  const outputs = usage.list("outputTokensDetails");
  const sum = (parts: readonly Members[], name: string): number =>
    parts.reduce((total, part) => total + part.most(name), 0);
  for (const part of [...inputs, ...outputs]) {
    part.free("text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens");
  }
  const all = usage.needed("inputTokens");
  const writes = inputs.map((part) =>
    readWrites(part.most("cache_write_tokens"), part.at("cache_write_tokens_details")),
  );
  return {
    ...splitInput(usage, {
      all,
      cached: sum(inputs, "cached_tokens"),
      ...sumCounts<keyof Writes>(writes),
      audio: sum(inputs, "audio_tokens"),
      image: sum(inputs, "image_tokens"),
    }),
    ...splitOutput({
      all: outputByTotal(usage.needed("outputTokens"), all, usage.count("totalTokens")),
      reasoning: sum(outputs, "reasoning_tokens"),
      audio: sum(outputs, "audio_tokens"),
    }),
  };
}
