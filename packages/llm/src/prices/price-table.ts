import type { Amount } from "@imprest/core";
import { unreadable } from "../usage/members.ts";
import { readUsage } from "../usage/read-usage.ts";
import type { UnitCounts, Usage } from "../usage/usage.ts";
import { statedAmount, statedCost } from "../usage/stated-cost.ts";
import { charge } from "./charge.ts";
import { type EstimatedTokens, answerBound, estimateTokens, promptBound, unitBounds } from "./estimate.ts";
import { type ModelPrices, type Rates, ratesOf } from "./model-prices.ts";
import { nameFinder } from "./names.ts";
import { type EstimateOptions, boundRequest } from "./request-bound.ts";

/** How a table finds prices. */
export interface PriceTableOptions {
  /** Names of your own: `{ "my-deployment": "gpt-5" }`. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  /**
   * For which models the provider's own cost is the price, where its usage object states one (OpenRouter, xAI, Perplexity):
   * `true` for all. A model that is not in the table can be charged so, but not estimated. By default: none.
   */
  readonly trustStatedCost?: boolean | ((model: string) => boolean) | undefined;
}

/** The user's own prices; nothing is bundled, because prices change. */
export interface PriceTable {
  /**
   * What a call cost: exact, rounded up once to a whole microcent.
   * @param usage a provider's usage object, or a `Usage`.
   * @param counted what was counted of the answer itself and is charged one by one: `{ fileSearch: 2 }`. Of it and of what
   *   the usage object states, the greater is charged.
   * @throws ValidationError for a model that has no price, for a usage object with a count that is missing, no whole number
   *   or under an unknown name, and for a kind that has no price; it names the member.
   */
  price(model: string, usage: unknown, counted?: UnitCounts): Amount;
  /** The most a call can cost: so many input tokens, and at most so many output tokens. @throws as `price`. */
  estimate(model: string, tokens: EstimatedTokens): Amount;
  /**
   * The most that a request can cost, from its body alone. The limit of the answer is the request's own, else
   * `maxOutputTokens` of the table. A tool that runs at the provider counts as often as the request lets it be called.
   * @throws ValidationError for a model that has no price, a request without a limit, for a member whose tokens do not
   *   show in the request (an image, a file, a server tool) unless `maxInputTokens` of the table or `extraInputTokens` bound it,
   *   and for a tool that is charged by the call, unless it has a price and the request or `extraUnits` bound it.
   */
  estimateRequest(model: string, request: unknown, options?: EstimateOptions): Amount;
  /** Whether `model` has a price: asked before a call, it refuses what could not be charged after it. */
  has(model: string): boolean;
}

/**
 * Reads a price table. @throws ConfigurationError naming the model and the price that is no plain decimal.
 * @example
 * const prices = createPriceTable({ "gpt-5": { input: "1.25", cachedInput: "0.125", output: "10.00" } });
 * prices.price("gpt-5-2025-08-07", { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 });
 */
export function createPriceTable(
  prices: Readonly<Record<string, ModelPrices>>,
  { aliases = {}, trustStatedCost = false }: PriceTableOptions = {},
): PriceTable {
  const table = new Map(Object.entries(prices).map(([model, entry]) => [model, ratesOf(model, entry)]));
  const find = nameFinder([...table.keys()], aliases);
  const lookUp = (model: string): Rates | undefined => table.get(find(model) ?? model);
  const ratesFor = (model: string): Rates => {
    const rates = lookUp(model);
    if (rates) return rates;
    throw unreadable("/model", `"${model}" has no price; add it to the table`);
  };
  const isTrusted = typeof trustStatedCost === "function" ? trustStatedCost : () => trustStatedCost;
  return {
    has: (model) => lookUp(model) !== undefined,
    price(model, usage, counted = {}) {
      const stated = isTrusted(model) ? statedCost(usage) : undefined;
      if (stated !== undefined) return statedAmount(stated);
      ratesFor(model);
      return charge(model, ratesFor, withCounted(readUsage(usage), counted));
    },
    estimate: (model, tokens) => estimateTokens(model, ratesFor(model), tokens),
    estimateRequest(model, request, options = {}) {
      const rates = ratesFor(model);
      const bound = boundRequest(request, options);
      return estimateTokens(model, rates, {
        inputTokens: promptBound(model, rates, bound),
        maxOutputTokens: answerBound(model, rates, bound),
        units: unitBounds(model, rates, bound, options),
        kinds: bound.kinds,
        terms: bound.terms,
      });
    },
  };
}

/** A usage with what was counted beside it, in its first request. */
function withCounted(usage: Usage, counted: UnitCounts): Usage {
  const [first, ...others] = usage.requests;
  if (first === undefined || Object.keys(counted).length === 0) return usage;
  const beyond = Object.entries(counted).map(([unit, count]) => {
    const stated = usage.units[unit] ?? 0;
    return [unit, (first.units[unit] ?? 0) + Math.max(0, count - stated)] as const;
  });
  return { ...usage, requests: [{ ...first, units: { ...first.units, ...Object.fromEntries(beyond) } }, ...others] };
}
