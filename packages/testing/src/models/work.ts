import type { Answer, Directive } from "./directive.ts";
import { type Counts, type Tariff, noCounts } from "./prices.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { type CountTokens, type Piece, fillerOf, piecesOf, piecesWithin } from "./tokens.ts";
import { type Asked, type Members, type Work, sumOf } from "./wires/wire.ts";

/** A model as the provider serves it. */
export interface ServedModel {
  readonly tariff: Tariff;
  readonly count: CountTokens;
  readonly imageTokens: number;
}

/** A prompt shorter than this is not cached, as with OpenAI and Anthropic. */
const leastCached = 1_024;
/** An automatic cache counts in steps of so many tokens. */
const cacheStep = 128;

const greeting = "The model answers here what a test gives it to answer.";

/** Works on a request: counts its prompt, with the cache of earlier ones, and makes the answer. */
export function workOn(
  asked: Asked,
  answer: Directive,
  { tariff, count, imageTokens }: ServedModel,
  cache: PromptCache,
  stamp: { readonly id: string; readonly created: number },
): Work {
  const text = asked.makes === "text" ? answerOf(asked, answer, tariff, count) : nothing;
  const { usage } = answer;
  return {
    ...stamp,
    ...text,
    model: asked.model,
    prompt: promptOf(asked, tariff, count, cache),
    countsWrites: tariff.countsWrites,
    answers: asked.answers,
    imageOutput: asked.makes === "images" && tariff.has("imageOutput") ? imageTokens * asked.answers : 0,
    usage: (counted: Members) => (usage === undefined ? counted : usage === "none" ? undefined : usage(counted)),
  };
}

const nothing = { reasoning: 0, text: [], toolCalls: [], ends: "stop" } as const;

function answerOf(
  { limit = Infinity }: Asked,
  answer: Answer,
  { maxOutputTokens = Infinity }: Tariff,
  count: CountTokens,
): Pick<Work, "reasoning" | "text" | "toolCalls" | "ends"> {
  const most = Math.min(limit, maxOutputTokens);
  const reasoning = Math.min(answer.reasoningTokens ?? 0, most);
  const { pieces, isCut } = piecesWithin(textOf(answer, count), most - reasoning);
  let left = most - reasoning - sumOf(pieces);
  const calls = (answer.toolCalls ?? []).map(({ name, input }, index) => {
    return { id: `call_imprest_${index}`, name, input: piecesOf(JSON.stringify(input), count) };
  });
  // Half of a call cannot be read, so that one that does not fit is left out.
  const toolCalls = calls.filter(({ input }) => {
    const fits = sumOf(input) <= left;
    if (fits) left -= sumOf(input);
    return fits;
  });
  const isShort = isCut || toolCalls.length < calls.length || reasoning < (answer.reasoningTokens ?? 0);
  const itself = toolCalls.length > 0 ? "tools" : "stop";
  return { reasoning, text: pieces, toolCalls, ends: isShort ? "length" : (answer.ends ?? itself) };
}

function textOf({ text, outputTokens, toolCalls = [] }: Answer, count: CountTokens): Piece[] {
  if (outputTokens !== undefined) return fillerOf(outputTokens);
  return piecesOf(text ?? (toolCalls.length > 0 ? "" : greeting), count);
}

function promptOf(asked: Asked, tariff: Tariff, count: CountTokens, cache: PromptCache): Work["prompt"] {
  const { model, blocks, caching } = asked;
  const sizes = blocks.map(({ text }) => count(text));
  const sum = (to: number, from = 0): number => sizes.slice(from, to).reduce((total, size) => total + size, 0);
  const all = sum(sizes.length);
  const none = { input: all, cachedInput: 0, cacheWrite: 0, cacheWrite1h: 0 };
  const lastMark = blocks.findLastIndex(({ mark }) => mark !== undefined) + 1;
  const end = caching === "marked" ? lastMark : sizes.length;
  if (!tariff.caches || caching === "never" || sum(end) < leastCached) return none;
  const texts = blocks.slice(0, end).map(({ text }) => text);
  const known = cache.known(model, texts);
  cache.write(model, texts, end);
  if (caching !== "marked") {
    const step = (size: number): number => size - (size % cacheStep);
    const cachedInput = step(sum(known));
    const cacheWrite = caching === "automatic" && tariff.countsWrites ? step(all) - cachedInput : 0;
    return { input: all - cachedInput - cacheWrite, cachedInput, cacheWrite, cacheWrite1h: 0 };
  }
  // A block is written for as long as the next mark says.
  const isLong = (at: number): boolean => blocks.slice(at).find(({ mark }) => mark !== undefined)?.mark === "1h";
  const written = sizes.map((size, at) => ({ size, at })).slice(known, end);
  const cacheWrite1h = written.reduce((total, { size, at }) => total + (isLong(at) ? size : 0), 0);
  return { input: all - sum(end), cachedInput: sum(known), cacheWrite: sum(end, known) - cacheWrite1h, cacheWrite1h };
}

/** What is charged for the request and its prompt, before anything is generated. */
export function promptCounts({ prompt }: Work, tariff: Tariff): Counts {
  return { ...noCounts(), ...prompt, request: tariff.has("request") ? 1 : 0 };
}

/** What is charged for all that is generated. */
export function answerCounts(work: Work, asked: Asked, tariff: Tariff): Partial<Counts> {
  const visible = sumOf(work.text) + work.toolCalls.reduce((total, { input }) => total + sumOf(input), 0);
  return {
    output: visible * work.answers,
    reasoning: work.reasoning * work.answers,
    imageOutput: work.imageOutput,
    image: asked.makes === "images" && tariff.has("image") ? work.answers : 0,
  };
}

/** What the request needs a price for and has none, by the name of the price. */
export function unpricedOf(asked: Asked, { prompt }: Work, tariff: Tariff): string | undefined {
  if (!tariff.has("input") && asked.makes !== "images") return "input";
  if (prompt.cacheWrite1h > 0 && !tariff.has("cacheWrite1h")) return "cacheWrite1h";
  if (asked.makes === "text" && !tariff.has("output")) return "output";
  if (asked.makes === "images" && !tariff.has("imageOutput") && !tariff.has("image")) return "imageOutput or per.image";
  return undefined;
}
