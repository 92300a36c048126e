import type { Amount } from "@imprest/core";
import { unreadable } from "../usage/members.ts";
import { readUsage } from "../usage/read-usage.ts";
import { statedAmount, statedCost } from "../usage/stated-cost.ts";
import { charge } from "./charge.ts";
import { type EstimatedTokens, answerBound, estimateTokens, promptBound } from "./estimate.ts";
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
   * @throws ValidationError for a model that has no price, for a usage object with a count that is missing, no whole number
   *   or under an unknown name, and for a kind that has no price; it names the member.
   */
  price(model: string, usage: unknown): Amount;
  /** The most a call can cost: so many input tokens, and at most so many output tokens. @throws as `price`. */
  estimate(model: string, tokens: EstimatedTokens): Amount;
  /**
   * The most that a request can cost, from its body alone. The limit of the answer is the request's own, else
   * `maxOutputTokens` of the table. What is charged by the piece, but for the request itself, is not in it.
   * @throws ValidationError for a model that has no price, a request without a limit, and for a member whose tokens do not
   *   show in the request (an image, a file, a server tool) unless `maxInputTokens` of the table or `extraInputTokens` bound it.
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
    price(model, usage) {
      const stated = isTrusted(model) ? statedCost(usage) : undefined;
      if (stated !== undefined) return statedAmount(stated);
      ratesFor(model);
      return charge(model, ratesFor, readUsage(usage));
    },
    estimate: (model, tokens) => estimateTokens(model, ratesFor(model), tokens),
    estimateRequest(model, request, options = {}) {
      const rates = ratesFor(model);
      const bound = boundRequest(request, options);
      return estimateTokens(model, rates, {
        inputTokens: promptBound(model, rates, bound),
        maxOutputTokens: answerBound(model, rates, bound),
        kinds: bound.kinds,
        terms: bound.terms,
      });
    },
  };
}
