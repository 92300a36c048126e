import { type Amount, usdMicrocents } from "@imprest/core";
import { divideRoundingUp } from "@imprest/core/internal";
import { unreadable } from "../usage/members.ts";
import { type RequestUsage, type Usage, type UsageTerms, promptTokens } from "../usage/usage.ts";
import { type Card, type Cards, type Rates, factorScale, priceScale } from "./model-prices.ts";

/** The three terms multiply, each a factor in units of 10^-8. */
const oneFactor = 10n ** BigInt(factorScale);
const factorUnit = oneFactor ** 3n;
const perMillion = 1_000_000n;
/** From 10^-20 dollars a million, times three factors, to microcents. */
const divisor = 10n ** BigInt(priceScale - 8) * perMillion * factorUnit;

/** Tiers at a discount: without a price of their own the plain price holds, which is not less. */
const discounted: ReadonlySet<string> = new Set(["flex", "batch"]);
const members = { tier: "service_tier", speed: "speed", region: "inference_geo" } as const;

/**
 * What `usage` costs: exact, rounded up once.
 * @param ratesFor throws for a model without a price.
 * @throws ValidationError naming what has no price.
 */
export function charge(asked: string, ratesFor: (model: string) => Rates, usage: Usage): Amount {
  const costs = usage.requests.map((request) => requestCost(request.model ?? asked, ratesFor, request, usage.terms));
  return amountOf(costs.reduce((total, cost) => total + cost, 0n));
}

/** Prices times counts, in units of 10^-50 dollars: a factor applies to tokens, not to what is counted one by one. */
function requestCost(
  model: string,
  ratesFor: (model: string) => Rates,
  { tokens, units }: RequestUsage,
  terms: UsageTerms,
): bigint {
  const rates = ratesFor(model);
  const card = cardFor(cardsFor(rates, terms), promptTokens(tokens));
  const tokenCost = Object.entries(tokens).reduce((sum, [kind, count]) => {
    return sum + BigInt(count) * (card.tokens.get(kind) ?? unpriced(model, `tokens/${kind}`, kind));
  }, 0n);
  // A price for each request is charged without being counted; without one there is nothing to charge.
  const counted = { ...units, request: card.units.has("request") ? (units["request"] ?? 1) : 0 };
  const unitCost = Object.entries(counted).reduce((sum, [unit, count]) => {
    if (count === 0) return sum;
    return sum + BigInt(count) * (card.units.get(unit) ?? unpriced(model, `units/${unit}`, `per.${unit}`));
  }, 0n);
  return costOf(tokenCost, factorOf(model, rates, terms), unitCost);
}

/** The card of the longest threshold that the prompt exceeds. */
function cardFor(cards: Cards, prompt: number): Card {
  return cards.findLast((card, at) => at === 0 || prompt > card.above) ?? cards[0];
}

/** The cards of a service tier; `factorOf` refuses a tier that has neither cards nor a factor. */
export function cardsFor(rates: Rates, { tier }: UsageTerms): Cards {
  return (tier === undefined ? undefined : rates.tiers.get(tier)) ?? rates.plain;
}

/** The factors multiplied, in units of 10^-24. @throws ValidationError for a word that is not known and may cost more. */
export function factorOf(model: string, rates: Rates, terms: UsageTerms): bigint {
  return (["tier", "speed", "region"] as const).reduce((product, term) => {
    const word = terms[term];
    const factor = word === undefined ? undefined : rates.factors[term].get(word);
    if (factor !== undefined) return product * factor;
    const isPriced = word === undefined || (term === "tier" && (rates.tiers.has(word) || discounted.has(word)));
    if (isPriced) return product * oneFactor;
    const message = `"${word}" is charged at a price that the table has no place for; add multipliers.${term} to "${model}"`;
    throw unreadable(`/usage/${members[term]}`, message);
  }, 1n);
}

function unpriced(model: string, at: string, name: string): never {
  const message = `is charged at a price that the table has no place for; add ${name} to "${model}"`;
  throw unreadable(`/usage/${at}`, message);
}

/** Prices times counts: those of tokens, to which the factor applies, and those of units. */
export function costOf(tokenCost: bigint, factor: bigint, unitCost: bigint): bigint {
  return tokenCost * factor + unitCost * perMillion * factorUnit;
}

/** A cost in whole microcents. */
export function amountOf(cost: bigint): Amount {
  return usdMicrocents(divideRoundingUp(cost, divisor));
}
