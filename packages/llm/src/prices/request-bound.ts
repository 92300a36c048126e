import { utf8 } from "@imprest/core/internal";
import { answersAsked, partsOf, statedCounts } from "../usage/answers-asked.ts";
import { unreadable } from "../usage/members.ts";
import { type TokenKind, type UnitCounts, type UsageTerms, inputKinds, outputKinds } from "../usage/usage.ts";
import { findLooping } from "./looping.ts";
import { findPointing } from "./pointing.ts";
import type { KnownPrefix } from "./prefix-map.ts";
import { type RequestBody, bodyOf, conversationOf, toolsOf } from "./request-body.ts";
import { type ServerTool, serverTools } from "./server-tools.ts";
import { whole } from "./whole.ts";

/** How a request is counted. */
export interface EstimateOptions {
  /**
   * A tokenizer, asked once: with the request as JSON, or with the messages after `prefix`. Without one, every byte counts
   * as a token: a bound that always holds.
   */
  readonly tokens?: ((text: string) => number) | undefined;
  /** Input tokens that the request does not hold itself: images, files, an earlier response, what a server tool reads. */
  readonly extraInputTokens?: number | undefined;
  /** How often what is charged apiece may be, where the request sets no limit: `{ webSearch: 10 }`. */
  readonly extraUnits?: UnitCounts | undefined;
  /** What was charged apiece in an answer that has ended: it takes the place of what the request lets tools do. */
  readonly calledUnits?: UnitCounts | undefined;
  /** What the provider has counted of the request already, from a `PrefixMap`: only the messages after it are bounded. */
  readonly prefix?: KnownPrefix | undefined;
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
  /** The tools that run at the provider. */
  readonly tools: readonly ServerTool[];
  /** True where the caller adds tokens that the request does not hold. */
  readonly isExtended: boolean;
  /** A member whose tokens do not show in the request. */
  readonly unbounded: { readonly pointer: string; readonly isLooping: boolean } | undefined;
}

/** A model's template around the messages: roles, a system prompt of its own (gpt-oss has the longest). */
const templateTokens = 256;
/** The prompt with which a provider explains tools to its model; Anthropic's is the longest, of some 800 tokens. */
const toolTokens = 1_024;
/**
 * Where counted messages end, a tokenizer may cut otherwise than before. What a template writes between two messages is a
 * token of its own in nearly every model, so that nothing is cut anew; elsewhere no more than the last word is.
 */
const seamTokens = 64;

const outputLimits = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "maxOutputTokens",
  "maxTokens",
  "max_tokens_to_sample",
];

const textInput: readonly TokenKind[] = ["input", "cachedInput", "cacheWrite"];
const textOutput: readonly TokenKind[] = ["output", "reasoning"];

/** Classes that a cache is written in only where the request says so. */
const longCaches: ReadonlyMap<TokenKind, string> = new Map([
  ["cacheWrite1h", '"1h"'],
  ["cacheWrite12h", '"12h"'],
]);

function askedCaches(text: string): TokenKind[] {
  return [...longCaches].filter(([, word]) => text.includes(word)).map(([kind]) => kind);
}

/** @throws ValidationError for a limit or a count that is no whole number. */
export function boundRequest(request: unknown, options: EstimateOptions): RequestBound {
  const { text, body } = bodyOf(request);
  const parts = partsOf(body);
  const limits = parts.flatMap((part) => countsOf(part, outputLimits));
  for (const [pointer, count] of statedCounts(body)) whole(count, pointer);
  const extraInputTokens = whole(options.extraInputTokens ?? 0, "/extraInputTokens");
  const isExtended = extraInputTokens > 0;
  // At the top it says how an answer sounds; in a message it points at an earlier one.
  const { audio: _voice, ...prompt } = body;
  const found = findPointing(prompt, "/request");
  const isOther = found !== undefined || isExtended;
  const kinds = [...(isOther ? inputKinds : textInput), ...(isTextAlone(parts) ? textOutput : outputKinds)];
  const { inputTokens, pointing } = countPrompt(text, body, found, options);
  const tools = serverTools(body);
  return {
    inputTokens: inputTokens + extraInputTokens,
    outputLimit: limits.length === 0 ? undefined : Math.max(...limits),
    answers: answersAsked(body),
    kinds: new Set([...kinds.filter((kind) => !longCaches.has(kind)), ...askedCaches(text)]),
    terms: termsOf(body),
    tools,
    isExtended,
    unbounded: isExtended ? undefined : unboundedOf(findLooping(body, tools), pointing),
  };
}

interface Counted {
  readonly inputTokens: number;
  /** A member that is not counted, because its tokens do not show. */
  readonly pointing: string | undefined;
}

function countPrompt(text: string, body: RequestBody, pointing: string | undefined, options: EstimateOptions): Counted {
  const { tokens = (counted: string) => utf8(counted).length, prefix } = options;
  if (prefix === undefined) {
    const tools = toolsOf(body).length > 0 || body["functions"] !== undefined ? toolTokens : 0;
    return { inputTokens: whole(tokens(text), "/tokens") + templateTokens + tools, pointing };
  }
  const { name, messages } = conversationOf(body);
  const start = whole(prefix.messages, "/prefix/messages");
  if (start > messages.length) throw unreadable("/prefix/messages", "is more than the request has");
  const known = whole(prefix.inputTokens, "/prefix/inputTokens");
  const added = whole(tokens(JSON.stringify(messages.slice(start))), "/tokens");
  const rest = messages.map((message, at) => (at < start ? undefined : message));
  return { inputTokens: known + seamTokens + added, pointing: findPointing(rest, `/request/${name}`) };
}

function unboundedOf(looping: string | undefined, pointing: string | undefined): RequestBound["unbounded"] {
  const pointer = looping ?? pointing;
  return pointer === undefined ? undefined : { pointer, isLooping: looping !== undefined };
}

/** True where the request asks for text alone; some models draw where nothing is asked for. */
function isTextAlone(parts: readonly RequestBody[]): boolean {
  const asked = parts.flatMap((part) => [part["modalities"], part["responseModalities"], part["output_modalities"]]);
  const words = asked.flatMap((list): unknown[] => (Array.isArray(list) ? list : []));
  return words.length > 0 && words.every((word) => String(word).toLowerCase() === "text");
}

function termsOf(body: RequestBody): UsageTerms {
  const word = (...names: readonly string[]): string | undefined => {
    const value = names.map((name) => body[name]).find((given) => typeof given === "string");
    return typeof value === "string" ? value.toLowerCase() : undefined;
  };
  return { tier: word("service_tier", "serviceTier"), speed: word("speed"), region: word("inference_geo") };
}

function countsOf(part: RequestBody, names: readonly string[]): number[] {
  const given = names.filter((name) => part[name] !== undefined && part[name] !== null);
  return given.map((name) => whole(part[name], `/request/${name}`));
}
