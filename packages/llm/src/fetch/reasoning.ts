import { type Bag, bag } from "./wires/wire.ts";

/** Families that think only where the request asks for it, or not at all. */
const plain =
  /(?:^|\/)(?:gpt-3|gpt-4|chatgpt-4|claude-(?:[123]|instant|(?:haiku|sonnet|opus)-4)|gemini-1|gemini-2\.0|gemma|llama|meta-llama|mistral|mixtral|codestral|ministral|command|phi-|qwen-?2|deepseek-chat|text-)/i;

/** Those of a plain family that think, and say so in their name. */
const named = /reason|think/i;

/**
 * Whether a model may think without showing it: what was seen of a stream is no bound then. A name that is not known counts
 * as one that does, because most new models do.
 */
export function mayHideReasoning(model: string, body: Bag): boolean {
  const asked = askedFor(body);
  return asked ?? (named.test(model) || !plain.test(model));
}

/** `undefined` where the request leaves it to the model. */
function askedFor(body: Bag): boolean | undefined {
  const thinking = bag(body["thinking"])["type"];
  if (typeof thinking === "string" && thinking !== "disabled") return true;
  const effort = body["reasoning_effort"] ?? bag(body["reasoning"])["effort"];
  if (typeof effort === "string") return effort !== "none";
  if (body["reasoning"] !== undefined && body["reasoning"] !== null) return true;
  if (thinking === "disabled") return false;
  const settings = bag(body["generationConfig"] ?? body["generation_config"]);
  const config = bag(settings["thinkingConfig"] ?? settings["thinking_config"]);
  const budget = config["thinkingBudget"] ?? config["thinking_budget"];
  if (budget === 0) return false;
  return Object.keys(config).length > 0 ? true : undefined;
}
