import { type Members, unreadable } from "./members.ts";
import { readResponseTokens } from "./openai-responses.ts";
import type { Reading } from "./reading.ts";
import { type RequestUsage, answerTokens, promptTokens, sumCounts } from "./usage.ts";

export function isAgents(usage: Members): boolean {
  return usage.names("input_tokens") && usage.names("requests", "request_usage_entries");
}

/** `Usage` of the OpenAI Agents SDK: the sum of several requests, and in newer versions each of them. */
export function readAgents(usage: Members): Reading {
  const tokens = readResponseTokens(usage);
  const count = usage.count("requests");
  const entries = usage.list("request_usage_entries").map((entry): RequestUsage => {
    return { tokens: readResponseTokens(entry), units: { request: 1 } };
  });
  const sum = sumCounts(entries.map((entry) => entry.tokens));
  if (entries.length === 0 || (count !== undefined && entries.length !== count)) {
    return { tokens, units: { request: count ?? 1 } };
  }
  if (promptTokens(sum) < promptTokens(tokens) || answerTokens(sum) < answerTokens(tokens)) {
    throw unreadable(usage.pointerTo("request_usage_entries"), "count less than the sum");
  }
  return { tokens: sum, units: { request: entries.length }, requests: entries };
}
