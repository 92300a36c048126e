import { type Bag, bag, isBag } from "./wires/wire.ts";

/** Members that name models which may answer instead: OpenRouter's, LiteLLM's and those of compatible proxies. */
const named = ["models", "fallbacks", "fallback_models", "context_window_fallbacks", "content_policy_fallbacks"];

/**
 * The models beside the one asked for that a gateway may have answer, as the body names them. Each must have a price, and the
 * dearest bounds the call.
 */
export function otherModels(body: Bag): readonly string[] {
  const { models } = bag(bag(body["providerOptions"])["gateway"]);
  const { preset } = body;
  // A preset of OpenRouter's may name a model of its own, and has a price only where the table lists it so.
  const kept = typeof preset === "string" ? [`@preset/${preset}`] : [];
  return [...new Set([...named.flatMap((name) => namesIn(body[name])), ...namesIn(models), ...kept])];
}

/** Names as a list, as requests that name a model each, or as LiteLLM has them: by the model that they stand in for. */
function namesIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (!isBag(value)) return [];
  return typeof value["model"] === "string" ? [value["model"]] : Object.values(value).flatMap(namesIn);
}
