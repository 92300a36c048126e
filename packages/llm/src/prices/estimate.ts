import type { Amount } from "@imprest/core";
import { unreadable } from "../usage/members.ts";
import { isPlain } from "../usage/reading.ts";
import {
  type TokenKind,
  type UnitCounts,
  type UsageTerms,
  inputKinds,
  isInputKind,
  outputKinds,
} from "../usage/usage.ts";
import { amountOf, cardsFor, costOf, factorOf } from "./charge.ts";
import { type Card, type Rates, dearest } from "./model-prices.ts";
import type { EstimateOptions, RequestBound } from "./request-bound.ts";
import { whole } from "./whole.ts";

/** What a call can use at most. */
export interface EstimatedTokens {
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
  /** What may be charged one by one, at most: `{ webSearch: 5 }`. */
  readonly units?: UnitCounts | undefined;
  /** As what the tokens may be charged; default: any kind that has a price. */
  readonly kinds?: ReadonlySet<TokenKind> | undefined;
  /** Terms that the request names. What it leaves to the provider counts at its dearest. */
  readonly terms?: UsageTerms | undefined;
}

const everyKind: ReadonlySet<TokenKind> = new Set([...inputKinds, ...outputKinds]);

/** Whether a cache is read or written, and in which tier, is known only afterwards: the dearest way counts. */
export function estimateTokens(model: string, rates: Rates, tokens: EstimatedTokens): Amount {
  const { kinds = everyKind, terms = {} } = tokens;
  const input = whole(tokens.inputTokens, "/tokens/inputTokens");
  const output = whole(tokens.maxOutputTokens, "/tokens/maxOutputTokens");
  const ways = choices(terms.tier, [...rates.tiers.keys(), ...rates.factors.tier.keys()]).flatMap((tier) =>
    choices(terms.region, [...rates.factors.region.keys()]).map((region) => ({
      tier,
      region,
      speed: named(terms.speed),
    })),
  );
  const costs = ways.map((way) => {
    const cards = cardsFor(rates, way).filter((card, at) => at === 0 || card.above < input);
    const cost = (count: number, isInput: boolean): bigint =>
      count === 0 ? 0n : BigInt(count) * dearestOf(model, cards, kinds, isInput);
    const pieces = Object.entries({ request: 1, ...tokens.units }).reduce(
      (sum, [unit, count]) => sum + BigInt(whole(count, `/tokens/units/${unit}`)) * unitRate(model, cards, unit),
      0n,
    );
    return costOf(cost(input, true) + cost(output, false), factorOf(model, rates, way), pieces);
  });
  return amountOf(dearest(costs) ?? 0n);
}

/** The words that may hold: the request's own, or any that the table prices where the provider chooses. */
function choices(word: string | undefined, listed: readonly string[]): (string | undefined)[] {
  if (word === undefined || word === "auto") return [undefined, ...listed];
  return [named(word)];
}

function named(word: string | undefined): string | undefined {
  return word === undefined || isPlain(word) ? undefined : word;
}

function dearestOf(model: string, cards: readonly Card[], kinds: ReadonlySet<TokenKind>, isInput: boolean): bigint {
  const ofSide = [...kinds].filter((kind) => isInputKind(kind) === isInput);
  const rate = dearest(cards.flatMap((card) => ofSide.map((kind) => card.tokens.get(kind))));
  if (rate !== undefined) return rate;
  throw unreadable("/model", `"${model}" has no price for ${isInput ? "input" : "output"} tokens; add it to the table`);
}

function unitPrice(cards: readonly Card[], unit: string): bigint | undefined {
  return dearest(cards.map((card) => card.units.get(unit)));
}

/** A price for each request is charged where the table has one. */
function unitRate(model: string, cards: readonly Card[], unit: string): bigint {
  const rate = unitPrice(cards, unit);
  if (rate !== undefined || unit === "request") return rate ?? 0n;
  throw unreadable("/model", `"${model}" has no price for ${unit}; add per.${unit} to it`);
}

/**
 * How often a request can be charged apiece for what tools at the provider do.
 * @throws ValidationError for a tool that has no price, and for one that costs something and that no limit bounds.
 */
export function unitBounds(
  model: string,
  rates: Rates,
  { tools, answers }: RequestBound,
  { extraUnits = {}, calledUnits }: EstimateOptions,
): UnitCounts {
  if (calledUnits !== undefined) return calledUnits;
  const cards = [rates.plain, ...rates.tiers.values()].flat();
  const counts: Record<string, number> = {};
  for (const { unit, pointer, most } of tools) {
    if (unit === undefined) continue;
    const rate = unitPrice(cards, unit);
    if (rate === undefined) {
      const message = `is charged apiece; add per.${unit} to "${model}", "0" where it costs nothing`;
      throw unreadable(pointer, message);
    }
    if (rate === 0n) continue;
    const stated = extraUnits[unit];
    if (most === undefined && stated === undefined) {
      const message = `is charged apiece without a limit; set its max_uses or max_tool_calls, or give extraUnits: { ${unit}: … }`;
      throw unreadable(pointer, message);
    }
    const often = most === undefined ? whole(stated, `/extraUnits/${unit}`) : most * answers;
    counts[unit] = (counts[unit] ?? 0) + often;
  }
  return counts;
}

/** @throws ValidationError for a prompt whose length does not show in the request. */
export function promptBound(model: string, rates: Rates, { inputTokens, unbounded, isExtended }: RequestBound): number {
  const { maxInputTokens } = rates;
  if (unbounded === undefined) {
    return isExtended || maxInputTokens === undefined ? inputTokens : Math.min(inputTokens, maxInputTokens);
  }
  if (unbounded.isLooping) {
    throw unreadable(unbounded.pointer, "lets the provider read what no limit bounds; give extraInputTokens");
  }
  if (maxInputTokens !== undefined) return maxInputTokens;
  const message = `has tokens that do not show in the request; add maxInputTokens to "${model}" or give extraInputTokens`;
  throw unreadable(unbounded.pointer, message);
}

/** @throws ValidationError for an answer without a limit. */
export function answerBound(model: string, rates: Rates, { outputLimit, answers }: RequestBound): number {
  const limit = outputLimit ?? rates.maxOutputTokens ?? (isOutputFree(rates) ? 0 : undefined);
  if (limit !== undefined) return limit * answers;
  const message = `names no limit of the answer; set max_tokens, or add maxOutputTokens to "${model}"`;
  throw unreadable("/request", message);
}

/** True for embeddings, which have no answer to charge. */
function isOutputFree(rates: Rates): boolean {
  const cards = [rates.plain, ...rates.tiers.values()].flat();
  return cards.every((card) => outputKinds.every((kind) => (card.tokens.get(kind) ?? 0n) === 0n));
}
