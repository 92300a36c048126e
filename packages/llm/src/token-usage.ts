import { ValidationError } from "@imprest/core";
import { refuseUnpricedParts } from "./unpriced-parts.ts";
import { type Part, count, countsOf, isMembers, partsOf, sumsOf, unreadable } from "./usage-members.ts";

/** Tokens of one model call, in neutral words. `inputTokens` includes those read from and written to a cache. */
export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Input tokens read from a prompt cache. */
  readonly cachedInputTokens?: number | undefined;
  /** Input tokens written to a prompt cache. */
  readonly cacheWriteTokens?: number | undefined;
}

/**
 * Reads the usage object of an OpenAI chat completion, an OpenAI response, an Anthropic message, a Bedrock conversation, an
 * AI SDK result or a LangChain message. Nothing of those packages is imported.
 * @returns `undefined` when it is none of them, a count is missing or no whole number, or it counts what has another
 *   price, such as audio: better no amount than a wrong one.
 */
export function tokenUsage(usage: unknown): TokenUsage | undefined {
  try {
    return readTokenUsage(usage);
  } catch (error) {
    if (error instanceof ValidationError) return undefined;
    throw error;
  }
}

/** The names of the main counts, by wire. */
interface Wire {
  readonly input: string;
  readonly output: string;
  readonly total: string;
}

const chat: Wire = { input: "prompt_tokens", output: "completion_tokens", total: "total_tokens" };
const wires: readonly Wire[] = [
  chat,
  { input: "input_tokens", output: "output_tokens", total: "total_tokens" },
  { input: "inputTokens", output: "outputTokens", total: "totalTokens" },
];

const inputDetails = [
  "prompt_tokens_details",
  "input_tokens_details",
  "input_token_details",
  "inputTokenDetails",
  "inputTokensDetails",
  "inputTokens",
];
const outputDetails = [
  "completion_tokens_details",
  "output_tokens_details",
  "output_token_details",
  "outputTokenDetails",
  "outputTokensDetails",
  "outputTokens",
];

const cacheRead = [
  "cache_read_input_tokens",
  "cacheReadInputTokens",
  "cachedInputTokens",
  "prompt_cache_hit_tokens",
  "cached_tokens",
  "cacheRead",
  "cacheReadTokens",
  "cache_read",
];
const cacheWritten = [
  "cache_creation_input_tokens",
  "cacheWriteInputTokens",
  "cacheWriteTokens",
  "cache_write_tokens",
  "cache_creation_tokens",
  "cacheWrite",
  "ephemeral_5m_input_tokens",
];
/** Anthropic and Bedrock, by these names, do not count cached tokens among the input tokens. */
const besideInput = [
  "cache_read_input_tokens",
  "cacheReadInputTokens",
  "cache_creation_input_tokens",
  "cacheWriteInputTokens",
  "cache_creation",
];
const text = ["text", "textTokens", "text_tokens"];
const reasoning = ["reasoning", "reasoningTokens", "reasoning_tokens"];

/** As `tokenUsage`. @throws ValidationError naming the member that cannot be read. */
export function readTokenUsage(value: unknown): TokenUsage {
  const usage = { members: isMembers(value) ? value : {}, pointer: "/usage" };
  const wire = wireOf(usage);
  refuseUnpricedParts(usage);
  const given = mainCount(usage, wire.input) ?? missing(wire.input);
  const details = partsOf(usage, inputDetails);
  const lifetimes = partsOf(usage, ["cache_creation"]);
  const reads = [[usage], details].flatMap((parts) => sumsOf(parts, cacheRead));
  const writes = [
    ...[[usage], details, lifetimes].flatMap((parts) => sumsOf(parts, cacheWritten)),
    // A count of LangChain's; the member of the same name at the top is an object.
    ...sumsOf(details, ["cache_creation"]),
  ];
  const isBeside = wire !== chat && besideInput.some((name) => name in usage.members);
  // Where one fact is given twice, the dearer reading counts.
  const cached = isBeside ? Math.max(0, ...reads) : least(reads);
  const written = isBeside || writes.length > 0 ? Math.max(0, ...writes) : undefined;
  const inputTokens = isBeside ? given + (cached ?? 0) + (written ?? 0) : given;
  if (!Number.isSafeInteger(inputTokens)) throw unreadable(`/usage/${wire.input}`, "is too large with cached tokens");
  return {
    inputTokens,
    outputTokens: outputOf(usage, wire, inputTokens),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteTokens: written }),
  };
}

function wireOf({ members, pointer }: Part): Wire {
  const given = wires.filter(({ input }) => members[input] !== undefined && members[input] !== null);
  const wire = given[0] ?? wires.find(({ input }) => input in members);
  if (wire === undefined) throw unreadable(pointer, "is no usage object with known token counts");
  const other = given.find(({ input }) => !Object.is(members[input], members[wire.input]));
  if (other !== undefined) throw unreadable(`${pointer}/${other.input}`, `differs from ${wire.input}`);
  return wire;
}

/**
 * The output tokens, at least as many as the total leaves: xAI counts reasoning tokens beside completion tokens, and some
 * proxies of Gemini count them in the total alone. An embedding has a total and no output.
 */
function outputOf(usage: Part, wire: Wire, inputTokens: number): number {
  const details = partsOf(usage, outputDetails);
  const total = count(usage, wire.total);
  const texts = sumsOf(details, text);
  const reasoned = Math.max(0, ...countsOf(usage, reasoning), ...sumsOf(details, reasoning));
  if (wire === chat && total === undefined && texts.length === 0 && reasoned > 0) {
    throw unreadable(
      `${usage.pointer}/${wire.total}`,
      "is missing, so reasoning tokens may stand beside completion_tokens",
    );
  }
  const rest = total !== undefined && total >= inputTokens ? total - inputTokens : undefined;
  const output = mainCount(usage, wire.output) ?? rest ?? missing(wire.output);
  return Math.max(output, rest ?? Math.max(0, ...texts) + (texts.length > 0 ? reasoned : 0));
}

/** A number, or since AI SDK 6 an object with a total. */
function mainCount(usage: Part, name: string): number | undefined {
  if (!isMembers(usage.members[name])) return count(usage, name);
  const [total] = sumsOf(partsOf(usage, [name]), ["total"]);
  return total ?? missing(`${name}/total`);
}

function least(counts: readonly number[]): number | undefined {
  return counts.length > 0 ? Math.min(...counts) : undefined;
}

function missing(name: string): never {
  throw unreadable(`/usage/${name}`, "is missing from the usage object");
}
