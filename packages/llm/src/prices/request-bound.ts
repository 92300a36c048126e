import { utf8 } from "@imprest/core/internal";
import { isBag, unreadable } from "../usage/members.ts";
import { type TokenKind, type UsageTerms, inputKinds, outputKinds } from "../usage/usage.ts";

type Bag = Readonly<Record<string, unknown>>;

/** How a request is counted. */
export interface EstimateOptions {
  /** A tokenizer, asked once with the request as JSON. Without one, every byte counts as a token: a bound that always holds. */
  readonly tokens?: ((text: string) => number) | undefined;
  /** Input tokens that the request does not hold itself: images, files, an earlier response, what a server tool reads. */
  readonly extraInputTokens?: number | undefined;
}

/** What a request can use at most. */
export interface RequestBound {
  readonly inputTokens: number;
  /** `undefined` where the request names no limit. */
  readonly outputLimit: number | undefined;
  /** How many answers are asked for. */
  readonly answers: number;
  readonly kinds: ReadonlySet<TokenKind>;
  readonly terms: UsageTerms;
  /** True where the caller adds tokens that the request does not hold. */
  readonly isExtended: boolean;
  /** A member whose tokens do not show in the request. */
  readonly unbounded: { readonly pointer: string; readonly isLooping: boolean } | undefined;
}

/** A model's template around the messages: roles, a system prompt of its own (gpt-oss has the longest). */
const templateTokens = 256;
/** The prompt with which a provider explains tools to its model; Anthropic's is the longest, of some 800 tokens. */
const toolTokens = 1_024;

/** Members that point at what the request does not hold, or hold what is not counted by its bytes. */
const pointing = new Set([
  "image_url",
  "imageUrl",
  "image",
  "images",
  "video_url",
  "videoUrl",
  "video",
  "audio",
  "input_audio",
  "inputAudio",
  "inlineData",
  "inline_data",
  "fileData",
  "file_data",
  "file",
  "file_id",
  "fileId",
  "file_url",
  "fileUrl",
  "document_url",
  "previous_response_id",
  "conversation",
  "cachedContent",
  "cached_content",
  "container",
]);
/** Members of a request that let the provider call its model or its tools again. */
const looping = new Set(["search_parameters", "web_search_options", "plugins", "mcp_servers"]);
/** What the caller's own program runs: its schema is in the request, or it is one that the model knows. */
const ownTool = /^(?:function|custom|bash|text_editor|computer|memory|local_shell|shell|apply_patch)(?:_|$)/;
/** What an own program put there: names in it mean nothing. */
const opaque = new Set(["tools", "arguments", "args", "parameters", "response_format", "responseSchema", "metadata"]);

const outputLimits = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "maxOutputTokens",
  "maxTokens",
  "max_tokens_to_sample",
];
const answerCounts = ["n", "best_of", "candidateCount", "num_generations"];
const settings = ["generationConfig", "generation_config", "inferenceConfig", "config", "toolConfig"];

const textInput: readonly TokenKind[] = ["input", "cachedInput", "cacheWrite"];
const textOutput: readonly TokenKind[] = ["output", "reasoning"];

/** @throws ValidationError for a limit or a count that is no whole number. */
export function boundRequest(request: unknown, { tokens, extraInputTokens = 0 }: EstimateOptions): RequestBound {
  const { text, body } = bodyOf(request);
  const counted = whole(tokens ? tokens(text) : utf8(text).length, "/tokens");
  const parts = [body, ...settings.map((name) => body[name]).filter(isBag)];
  const tools = parts.flatMap(({ tools: listed }): unknown[] => (Array.isArray(listed) ? listed : []));
  const limits = parts.flatMap((part) => countsOf(part, outputLimits));
  const hasMore = tools.length > 0 || body["functions"] !== undefined;
  // At the top it says how an answer sounds; in a message it points at an earlier one.
  const { audio: _voice, ...others } = body;
  const found = findPointing(others, "/request");
  const isOther = found !== undefined || extraInputTokens > 0;
  const kinds = [...(isOther ? inputKinds : textInput), ...(isTextAlone(parts) ? textOutput : outputKinds)];
  const hasLongCache = text.includes('"1h"');
  return {
    inputTokens: counted + templateTokens + (hasMore ? toolTokens : 0) + whole(extraInputTokens, "/extraInputTokens"),
    outputLimit: limits.length === 0 ? undefined : Math.max(...limits),
    answers: Math.max(1, ...parts.flatMap((part) => countsOf(part, answerCounts))),
    kinds: new Set([
      ...kinds.filter((kind) => kind !== "cacheWrite1h"),
      ...(hasLongCache ? ["cacheWrite1h" as const] : []),
    ]),
    terms: termsOf(body),
    isExtended: extraInputTokens > 0,
    unbounded: extraInputTokens > 0 ? undefined : (findLooping(body, tools) ?? found),
  };
}

/** A request as the object that is sent, as its JSON, or a prompt alone. @throws ValidationError for what is neither. */
function bodyOf(request: unknown): { readonly text: string; readonly body: Bag } {
  try {
    if (typeof request === "string") {
      const parsed: unknown = /^\s*\{/.test(request) ? JSON.parse(request) : undefined;
      return { text: request, body: isBag(parsed) ? parsed : {} };
    }
    if (isBag(request) && [Object.prototype, null].includes(Object.getPrototypeOf(request) as null)) {
      return { text: JSON.stringify(request), body: request };
    }
  } catch {
    // No JSON, or what JSON cannot hold: refused below.
  }
  throw unreadable("/request", "is no request body; give the object or its JSON");
}

function findLooping(body: Bag, tools: readonly unknown[]): RequestBound["unbounded"] {
  const member = Object.entries(body).find(
    ([name, value]) => looping.has(name) && value !== null && value !== undefined,
  );
  if (member) return { pointer: `/request/${member[0]}`, isLooping: true };
  // A compaction is a request of its own, whose summary no limit of the answer bounds.
  const isCompacting = /compact/.test(JSON.stringify(body["context_management"] ?? ""));
  if (isCompacting) return { pointer: "/request/context_management", isLooping: true };
  const at = tools.findIndex((tool) => isBag(tool) && !isOwnTool(tool));
  return at < 0 ? undefined : { pointer: `/request/tools/${at}`, isLooping: true };
}

function isOwnTool(tool: Bag): boolean {
  if (["functionDeclarations", "function_declarations", "input_schema", "toolSpec"].some((name) => name in tool))
    return true;
  const { type } = tool;
  return typeof type === "string" ? ownTool.test(type) : "function" in tool || "name" in tool;
}

function findPointing(value: unknown, pointer: string): RequestBound["unbounded"] {
  if (Array.isArray(value)) {
    for (const [at, member] of value.entries()) {
      const found = findPointing(member, `${pointer}/${at}`);
      if (found) return found;
    }
  }
  if (!isBag(value)) return undefined;
  if (isMedium(value)) return { pointer, isLooping: false };
  for (const [name, member] of Object.entries(value)) {
    if (member === null || member === undefined || opaque.has(name)) continue;
    if (name === "input" && value["type"] === "tool_use") continue;
    // A prompt of OpenAI's that is kept there stands in the request by its id alone.
    const isKept = name === "prompt" && isBag(member);
    if (isKept || pointing.has(name) || isSource(name, member))
      return { pointer: `${pointer}/${name}`, isLooping: false };
    const found = findPointing(member, `${pointer}/${name}`);
    if (found) return found;
  }
  return undefined;
}

/** A part of a message that is no text, by its type: `input_image`, the AI SDK's `file`. */
function isMedium({ type, source }: Bag): boolean {
  const isNamed =
    typeof type === "string" && /^(?:item_reference$|(?:input_)?(?:image|file|audio|video|document))/.test(type);
  return isNamed && (source === undefined || isSource("source", source));
}

/** Anthropic's and Bedrock's documents and images; a document of plain text is counted by its bytes. */
function isSource(name: string, member: unknown): boolean {
  return name === "source" && isBag(member) && member["type"] !== "text" && member["type"] !== "content";
}

/** True where the request asks for text alone; some models draw where nothing is asked for. */
function isTextAlone(parts: readonly Bag[]): boolean {
  const asked = parts.flatMap((part) => [part["modalities"], part["responseModalities"], part["output_modalities"]]);
  const words = asked.flatMap((list): unknown[] => (Array.isArray(list) ? list : []));
  return words.length > 0 && words.every((word) => String(word).toLowerCase() === "text");
}

function termsOf(body: Bag): UsageTerms {
  const word = (...names: readonly string[]): string | undefined => {
    const value = names.map((name) => body[name]).find((given) => typeof given === "string");
    return typeof value === "string" ? value.toLowerCase() : undefined;
  };
  return { tier: word("service_tier", "serviceTier"), speed: word("speed"), region: word("inference_geo") };
}

function countsOf(part: Bag, names: readonly string[]): number[] {
  const given = names.filter((name) => part[name] !== undefined && part[name] !== null);
  return given.map((name) => whole(part[name], `/request/${name}`));
}

export function whole(count: unknown, pointer: string): number {
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
  throw unreadable(pointer, `${String(count)} is not a whole number of tokens`);
}
