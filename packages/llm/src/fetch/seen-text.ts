import { utf8 } from "@imprest/core/internal";
import { type Bag, isBag } from "./wires/wire.ts";

/** Members around a text, not of it. Whatever has another name counts as text of the answer. */
const around = new Set([
  "id",
  "object",
  "type",
  "model",
  "modelVersion",
  "modelId",
  "responseId",
  "response_id",
  "item_id",
  "created",
  "createTime",
  "role",
  "index",
  "system_fingerprint",
  "service_tier",
  "finish_reason",
  "finishReason",
  "stop_reason",
  "stop_sequence",
  "native_finish_reason",
  "provider",
  "obfuscation",
  "usage",
  "usageMetadata",
  "x_groq",
  "safetyRatings",
  "promptFeedback",
  "logprobs",
  "avgLogprobs",
  "logprobsResult",
  "prompt_filter_results",
  "content_filter_results",
  "providerMetadata",
]);

/** Members that hold a text and are none themselves. The names of others may be of a tool's arguments, and count. */
const holders = new Set([
  "choices",
  "candidates",
  "delta",
  "message",
  "content",
  "content_block",
  "parts",
  "text",
  "thinking",
  "reasoning",
  "reasoning_content",
  "partial_json",
  "tool_calls",
  "function",
  "functionCall",
  "arguments",
  "args",
  "input",
  "output",
  "name",
  "data",
]);

/**
 * The most tokens that the text of an event can be: no token is shorter than a byte. An event without text counts as one,
 * for what it may stand for.
 */
export function seenTokens(event: Bag): number {
  return Math.max(1, bytesOf(event));
}

function bytesOf(value: unknown): number {
  if (typeof value === "string") return utf8(value).length;
  if (Array.isArray(value)) return value.reduce((sum: number, member) => sum + bytesOf(member), 0);
  if (!isBag(value)) return value === null ? 0 : JSON.stringify(value).length;
  return Object.entries(value).reduce((sum, [name, member]) => {
    if (around.has(name)) return sum;
    return sum + bytesOf(member) + (holders.has(name) ? 0 : utf8(name).length);
  }, 0);
}
