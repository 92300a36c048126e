import { ConfigurationError } from "@imprest/core";
import { hex, utf8 } from "@imprest/core/internal";
import { isBag } from "../usage/members.ts";
import { readUsage } from "../usage/read-usage.ts";
import { promptTokens } from "../usage/usage.ts";
import { findPointing, holdsItsBytes } from "./pointing.ts";
import { type RequestBody, bodyOf, conversationOf } from "./request-body.ts";
import { findLooping } from "./looping.ts";

/** What a provider has counted of a request: all of it up to a message. */
export interface KnownPrefix {
  /** How many messages of the request were counted. */
  readonly messages: number;
  /** Their tokens, with those of the system prompt, the tools and the template. */
  readonly inputTokens: number;
}

/** Requests that a provider has counted, so that those which continue them need not be counted by their bytes. */
export interface PrefixMap {
  /**
   * The longest counted request that `request` continues: the same but for more messages at the end, for the limit of its
   * answer, and for marks of a cache. Give it to `estimateRequest` as `prefix`.
   * @param target where the request goes: everything outside of its body that decides how it is counted, such as the host and
   *   the model of a URL.
   * @throws ValidationError for what is no request body.
   */
  find(target: string, request: unknown): Promise<KnownPrefix | undefined>;
  /**
   * Keeps what the provider counted for `request`. A request is not kept whose prompt may be counted otherwise when it comes
   * again: one that holds addresses of media, lets the provider edit its prompt, or leaves the model to a router.
   * @param usage the provider's usage object, or a `Usage`.
   * @throws ValidationError for what is no request body, or no usage object.
   */
  remember(target: string, request: unknown, usage: unknown): Promise<void>;
}

/** Some 300 bytes each: a key, its digest and three numbers. */
const mostEntries = 1_024;
/** Lengths that several conversations share, a digest each; one is right for nearly every request. */
const mostDigests = 8;

/** What makes a provider count less of a prompt than there is, or another model answer. */
const unsteady = [
  "context_management",
  "contextManagement",
  "truncation",
  "transforms",
  "models",
  "fallbacks",
] as const;

/** Members that are no part of a prompt. */
const outside = new Set([
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "temperature",
  "top_p",
  "top_k",
  "seed",
  "stop",
  "stop_sequences",
  "stream",
  "stream_options",
  "service_tier",
  "metadata",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "store",
  "cache_control",
]);

interface Entry {
  readonly messages: number;
  /** Characters of the text that was digested: which lengths are worth a digest shows without one. */
  readonly length: number;
  readonly inputTokens: number;
}

/**
 * A map of the digests of at most `entries` requests (1,024 by default), the least recently used forgotten first. It holds no text.
 * @throws ConfigurationError for a number of entries that is not whole and positive.
 * @example
 * const prefixes = createPrefixMap();
 * const prefix = await prefixes.find("api.openai.com", request);
 * const estimate = prices.estimateRequest(request.model, request, { prefix });
 * // … the call …
 * await prefixes.remember("api.openai.com", request, answer.usage);
 */
export function createPrefixMap({ entries = mostEntries }: { readonly entries?: number | undefined } = {}): PrefixMap {
  if (!Number.isSafeInteger(entries) || entries < 1)
    throw new ConfigurationError("entries is no whole number above zero.");
  const known = new Map<string, Entry>();
  const keep = (digest: string, entry: Entry): void => {
    known.delete(digest);
    known.set(digest, entry);
    const [oldest] = known.keys();
    if (known.size > entries && oldest !== undefined) known.delete(oldest);
  };
  return {
    async find(target, request) {
      const pieces = piecesOf(target, bodyOf(request).body);
      const lengths = lengthsOf(pieces);
      const fitting = [...known.values()].filter(({ messages, length }) => lengths[messages] === length);
      const counts = [...new Set(fitting.map(({ messages }) => messages))].toSorted((left, right) => right - left);
      for (const messages of counts.slice(0, mostDigests)) {
        const digest = await digestOf(pieces.slice(0, messages + 1));
        const entry = known.get(digest);
        if (entry === undefined) continue;
        keep(digest, entry);
        return { messages, inputTokens: entry.inputTokens };
      }
      return undefined;
    },
    async remember(target, request, usage) {
      const { body } = bodyOf(request);
      const { requests, tokens } = readUsage(usage);
      // The sum of several requests is no count of this one.
      const counted = requests.length > 1 ? 0 : promptTokens(tokens);
      if (counted === 0 || !isSteady(body)) return;
      const pieces = piecesOf(target, body);
      const digest = await digestOf(pieces);
      // Of two counts of one prompt the greater holds.
      const inputTokens = Math.max(counted, known.get(digest)?.inputTokens ?? 0);
      keep(digest, { messages: pieces.length - 1, length: lengthsOf(pieces).at(-1) ?? 0, inputTokens });
    },
  };
}

/** True where the provider counts the same prompt the same again, and with more messages behind it no lower. */
function isSteady(body: RequestBody): boolean {
  if (unsteady.some((name) => body[name] !== undefined && body[name] !== null)) return false;
  if (findLooping(body) !== undefined || findPointing(body, "", holdsItsBytes) !== undefined) return false;
  // A tool whose definition is loaded by a later message counts from then on.
  return !JSON.stringify(body["tools"] ?? "").includes('"defer_loading":true');
}

/** The request as lines of text without what is no part of the prompt: first all but its messages, then each of them. */
function piecesOf(target: string, body: RequestBody): readonly string[] {
  const { name, messages } = conversationOf(body);
  const others = Object.entries(body).filter(([member]) => member !== name && !outside.has(member));
  const head = [target, name, ...others.map(([member, value]) => [member, unmarked(value)])];
  return [head, ...messages.map(unmarked)].map((piece) => JSON.stringify(piece));
}

/** The length of the text up to each piece. */
function lengthsOf(pieces: readonly string[]): readonly number[] {
  let length = 0;
  return pieces.map((piece) => (length += piece.length));
}

async function digestOf(pieces: readonly string[]): Promise<string> {
  // JSON has no raw line feed, so that no two lists of pieces are one text.
  const bytes = utf8(pieces.join("\n")) as Uint8Array<ArrayBuffer>;
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** Without the marks of a cache, which move on with every turn and are no tokens; a text alone is written as a list of one part. */
function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((part) => !isCachePoint(part)).map(unmarked);
  if (!isBag(value)) return value;
  const { cache_control: _anthropic, prompt_cache_breakpoint: _openai, ...others } = value;
  const { content } = others;
  if (content === undefined) return others;
  return { ...others, content: typeof content === "string" ? [{ type: "text", text: content }] : unmarked(content) };
}

/** Bedrock's mark is a part of its own. */
function isCachePoint(part: unknown): boolean {
  return isBag(part) && isBag(part["cachePoint"]) && Object.keys(part).length === 1;
}
