import { ConfigurationError } from "@imprest/core";
import type { AdaptedCall, HostAnswer, HostCall } from "@imprest/llm/internal";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";

type Bag = Readonly<Record<string, unknown>>;

/** What is read of a request to a model. */
export interface ModelRequest {
  readonly model: unknown;
  readonly messages: readonly object[];
  readonly systemMessage?: object | undefined;
  readonly systemPrompt?: string | undefined;
  readonly tools: readonly unknown[];
  readonly toolChoice?: unknown;
  readonly responseFormat?: unknown;
  readonly modelSettings?: Bag | undefined;
  readonly runtime?: { readonly signal?: AbortSignal | undefined } | undefined;
}

/** A call in the words that bound it. */
export function hostCall(request: ModelRequest): HostCall {
  const { messages, systemMessage, systemPrompt, tools, responseFormat, modelSettings, runtime } = request;
  const { getLsParams } = modelOf(request);
  const { ls_model_name: model, ls_provider: provider } = bag(
    typeof getLsParams === "function" ? getLsParams.call(request.model, {}) : undefined,
  );
  const { headers, options, ...settings } = bag(modelSettings);
  return {
    provider: String(provider),
    body: {
      ...settings,
      model,
      messages: [systemMessage ?? systemPrompt, ...messages].map(plainMessage),
      max_tokens: limitOf(request),
      tools: tools.length > 0 ? tools.map((tool) => ({ ...plainTool(tool), name: nameOf(tool) })) : undefined,
      response_format: responseFormat,
    },
    headers: { ...bag(headers), ...bag(bag(options)["headers"]) } as Record<string, string>,
    signal: runtime?.signal,
  };
}

/** The limit of the model's answers; OpenAI's -1 is none. */
function limitOf(request: ModelRequest): number | undefined {
  const { maxTokens, maxOutputTokens = maxTokens } = modelOf(request);
  return typeof maxOutputTokens === "number" && maxOutputTokens > 0 ? maxOutputTokens : undefined;
}

/** What of a message a provider is sent: its counts of an earlier answer are not. */
function plainMessage(message: unknown): Bag {
  const { content = message, tool_calls, additional_kwargs, tool_call_id, name } = bag(message);
  return { content, tool_calls, additional_kwargs, tool_call_id, name };
}

/** A tool with its schema as JSON. One that the provider runs is JSON already. */
function plainTool(tool: unknown): object {
  return "schema" in bag(tool) ? convertToOpenAITool(tool as Parameters<typeof convertToOpenAITool>[0]) : bag(tool);
}

function nameOf(tool: unknown): unknown {
  const { name = bag(bag(tool)["function"])["name"], type } = bag(tool);
  return name ?? type;
}

/**
 * What the authority allows, and what a guard below knows the call by: OpenAI's models take headers among the options of a
 * request, and the others as a setting.
 */
export function underCaps(request: ModelRequest, call: AdaptedCall): Partial<Record<keyof ModelRequest, never>> {
  const { tools, toolChoice, modelSettings } = request;
  const { max_tokens: limit, tools: left } = call.body;
  const names = new Set(Array.isArray(left) ? left.map(({ name }: Bag) => name) : []);
  const allowed = tools.filter((tool) => names.has(nameOf(tool)));
  const chosen = bag(bag(toolChoice)["function"])["name"] ?? nameOf(allowed[0]);
  const { headers } = call;
  return {
    modelSettings: { ...modelSettings, headers, options: { ...bag(bag(modelSettings)["options"]), headers } },
    ...(limit !== limitOf(request) && { model: limited(request, limit) }),
    ...(allowed.length < tools.length && { tools: allowed, toolChoice: names.has(chosen) ? toolChoice : undefined }),
  } as Partial<Record<keyof ModelRequest, never>>;
}

/** The model with another limit of its answers, which no setting of a call can give it. @throws ConfigurationError where it takes none. */
function limited(request: ModelRequest, limit: unknown): unknown {
  const { constructor, lc_kwargs } = modelOf(request);
  const limits = { maxTokens: limit, maxOutputTokens: limit };
  const copy = bag(new (constructor as new (fields: object) => unknown)({ ...bag(lc_kwargs), ...limits }));
  if (copy["maxTokens"] === limit || copy["maxOutputTokens"] === limit) return copy;
  throw new ConfigurationError("The model takes no maxTokens, so that the authority's max_tokens cannot be applied.");
}

/** What LangChain says of an answer; one that fits a schema comes beside the message. */
export function answerOf(answer: unknown): HostAnswer {
  const { messages } = bag(answer);
  const { usage_metadata: usage, response_metadata } = bag(Array.isArray(messages) ? messages[0] : answer);
  const { model_name: model } = bag(response_metadata);
  // Chunks of a stream are summed with 0 for what none of them said, and no prompt has 0 tokens.
  const isStated = bag(usage)["input_tokens"] !== 0;
  return { usage: isStated ? usage : undefined, model: typeof model === "string" ? model : undefined, isDone: true };
}

function modelOf({ model }: ModelRequest): Bag {
  return bag(model);
}

function bag(value: unknown): Bag {
  return typeof value === "object" && value !== null ? (value as Bag) : {};
}
