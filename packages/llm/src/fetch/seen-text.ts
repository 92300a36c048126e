import { utf8 } from "@imprest/core/internal";
import { type Bag, isBag } from "./wires/wire.ts";

/** Members around a text, not of it. Whatever has another name counts as text of the answer. */
const around =
  /^(?:id|object|type|model|role|index|created|createTime|modelVersion|provider|obfuscation|usage|usageMetadata|x_groq|service_tier|system_fingerprint|stop_sequence|promptFeedback|providerMetadata|avgLogprobs|.*(?:_id|Id|_reason|Reason|logprobs|logprobsResult|filter_results|safetyRatings))$/;
/** Arguments of a tool that come as an object: their names are tokens too. */
const named = /^(?:args|input)$/;

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
  if (!isBag(value)) return value === null ? 0 : (JSON.stringify(value)?.length ?? 0);
  return Object.entries(value).reduce((sum, [name, member]) => {
    if (around.test(name)) return sum;
    return sum + (named.test(name) && isBag(member) ? utf8(JSON.stringify(member)).length : bytesOf(member));
  }, 0);
}
