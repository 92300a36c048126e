import type { AdaptedCall, HostCall } from "@imprest/llm/internal";
import { type Bag, type CallParameters, bag, list } from "./host.ts";

/** A call in the words that bound it. */
export function hostCall(
  { headers, abortSignal: signal, ...members }: CallParameters,
  { provider, modelId }: { readonly provider: string; readonly modelId: string },
): HostCall {
  const { prompt, maxOutputTokens, tools, reasoning, ...others } = members as Bag;
  const body = {
    ...others,
    model: modelId,
    ...(Array.isArray(prompt) ? { messages: prompt.map(withReferences) } : { prompt }),
    max_tokens: maxOutputTokens,
    tools: tools && list(tools).map(namedTool),
    reasoning_effort: reasoning === "provider-default" ? undefined : reasoning,
  };
  return { provider, body, headers, signal };
}

/** Earlier reasoning that a provider keeps stands in a prompt by its id alone, and in the price by its tokens. */
function withReferences(message: Bag): Bag {
  const isKept = ({ type, providerOptions }: Bag): boolean =>
    type === "reasoning" && Object.values(bag(providerOptions)).some((options) => "itemId" in bag(options));
  const { content } = message;
  if (!Array.isArray(content)) return message;
  return {
    ...message,
    content: list(content).map((part) => (isKept(part) ? { ...part, type: "item_reference" } : part)),
  };
}

/** A tool of a provider's own is known by its id: `anthropic.bash_20250124`. */
function namedTool(tool: Bag): Bag {
  return typeof tool["id"] === "string" ? { ...tool, type: tool["id"].split(".").at(-1) } : tool;
}

/** The parameters with what the authority allows, and with what a guard below knows the call by. */
export function underCaps<Parameters extends CallParameters>(parameters: Parameters, call: AdaptedCall): Parameters {
  const { tools, toolChoice } = parameters as Bag;
  const { max_tokens: maxOutputTokens } = call.body;
  const names = new Set(list(call.body["tools"]).map(({ name }) => name));
  const left = list(tools).filter(({ name }) => names.has(name));
  const { toolName: chosen = left[0]?.["name"] } = bag(toolChoice);
  return {
    ...parameters,
    headers: call.headers,
    abortSignal: call.signal,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(left.length < list(tools).length && {
      tools: left.length > 0 ? left : undefined,
      // A tool that is gone cannot be chosen.
      toolChoice: names.has(chosen) ? toolChoice : undefined,
    }),
  };
}
