import { ConfigurationError } from "@imprest/core";
import { parseDecimal } from "@imprest/core/internal";
import { type TokenKind, type UsageTerms, inputKinds, isInputKind, outputKinds } from "../usage/usage.ts";

/** Dollars per million tokens of a kind, as decimal text: `{ input: "2.50", output: "10.00" }`. */
export type TokenPrices = Readonly<Partial<Record<TokenKind, string>>>;

/** Prices of tokens, and of what is counted one by one. */
export interface PriceCard extends TokenPrices {
  /** Prices of every token of a request whose prompt is longer than `promptTokens`. */
  readonly above?: readonly ({ readonly promptTokens: number } & TokenPrices)[] | undefined;
  /** Dollars for one `request`, `second`, `image`, `webSearch` …, as decimal text. */
  readonly per?: Readonly<Record<string, string>> | undefined;
}

/**
 * What a model costs. A kind of token without a price is refused, but for these: by default `cachedInput` costs as `input`,
 * `cacheWrite` as the dearer of both, `reasoning` as `output`, and a cached modality as the modality.
 */
export interface ModelPrices extends PriceCard {
  /** Prices of a service tier: `{ priority: { input: "5.00", output: "20.00" } }`. What a tier lacks is not cheaper. */
  readonly tiers?: Readonly<Record<string, PriceCard>> | undefined;
  /** Factors of the token prices: `{ tier: { batch: "0.5" }, speed: { fast: "6" }, region: { us: "1.1" } }`. */
  readonly multipliers?: Readonly<{ [Term in keyof UsageTerms]?: Readonly<Record<string, string>> }> | undefined;
  /** Where the prices come from, for those who review them; it changes no price. */
  readonly source?: Readonly<Record<string, string>> | undefined;
  /** The longest prompt that the model takes. */
  readonly maxInputTokens?: number | undefined;
  /** The longest answer, for a request that names no limit. */
  readonly maxOutputTokens?: number | undefined;
}

/** Prices are kept in units of 10^-20 dollars, so that any published price is exact. */
export const priceScale = 20;
/** Factors are kept in units of 10^-8. */
export const factorScale = 8;

/** Prices that hold for prompts longer than `above`. */
export interface Card {
  readonly above: number;
  readonly tokens: ReadonlyMap<string, bigint>;
  readonly units: ReadonlyMap<string, bigint>;
}

/** The cards of one service tier, shortest prompts first. */
export type Cards = readonly [Card, ...Card[]];

export interface Rates {
  readonly plain: Cards;
  readonly tiers: ReadonlyMap<string, Cards>;
  readonly factors: Readonly<Record<keyof UsageTerms, ReadonlyMap<string, bigint>>>;
  readonly maxInputTokens: number | undefined;
  readonly maxOutputTokens: number | undefined;
}

const kinds: readonly TokenKind[] = [...inputKinds, ...outputKinds];

/** What an entry may hold. A table of JSON is not checked by types, and a misspelt price would be no price. */
const names = {
  entry: new Set<string>([
    ...kinds,
    "above",
    "per",
    "tiers",
    "multipliers",
    "source",
    "maxInputTokens",
    "maxOutputTokens",
  ]),
  tier: new Set<string>([...kinds, "above", "per"]),
  above: new Set<string>([...kinds, "promptTokens"]),
  multipliers: new Set<string>(["tier", "speed", "region"]),
} as const;

function checkNames(model: string, known: ReadonlySet<string>, given: object): void {
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown !== undefined) throw new ConfigurationError(`"${unknown}" of "${model}" is no name in a price table.`);
}

/** What a kind costs that has no price of its own, in this order. */
const defaults: readonly (readonly [TokenKind, readonly TokenKind[]])[] = [
  ["cachedInput", ["input"]],
  ["cacheWrite", ["input", "cachedInput"]],
  ["cachedAudioInput", ["audioInput"]],
  ["cachedImageInput", ["imageInput"]],
  ["reasoning", ["output"]],
];

/** @throws ConfigurationError naming the model and the price that is no plain decimal. */
export function ratesOf(model: string, prices: ModelPrices): Rates {
  checkNames(model, names.entry, prices);
  const plain = plainCards(model, prices);
  const multipliers = prices.multipliers ?? {};
  checkNames(model, names.multipliers, multipliers);
  const factors = (term: keyof UsageTerms): ReadonlyMap<string, bigint> =>
    readAll(model, `${term} multiplier`, multipliers[term] ?? {}, factorScale);
  const tiers = new Map(
    Object.entries(prices.tiers ?? {}).map(
      ([tier, card]) => [tier.toLowerCase(), tierCards(model, plain, card)] as const,
    ),
  );
  const rates = {
    plain,
    tiers,
    factors: { tier: factors("tier"), speed: factors("speed"), region: factors("region") },
    maxInputTokens: limit(model, "maxInputTokens", prices.maxInputTokens),
    maxOutputTokens: limit(model, "maxOutputTokens", prices.maxOutputTokens),
  };
  const twice = [...rates.factors.tier.keys()].find((tier) => tiers.has(tier));
  if (twice !== undefined) {
    throw new ConfigurationError(
      `The service tier "${twice}" of "${model}" has both prices and a multiplier; keep one.`,
    );
  }
  return rates;
}

function plainCards(model: string, prices: PriceCard): Cards {
  const given = cardOf(model, prices, 0);
  const tokens = new Map(given.tokens);
  for (const [kind, from] of defaults) {
    const rate = tokens.get(kind) ?? dearest(from.map((other) => tokens.get(other)));
    if (rate !== undefined) tokens.set(kind, rate);
  }
  const base = { ...given, tokens };
  return [base, ...longer(model, prices).map((card) => overlay(base, card))];
}

/** A service tier has thresholds of its own and those of the plain prices, where it is not cheaper than they are. */
function tierCards(model: string, plain: Cards, prices: PriceCard): Cards {
  checkNames(model, names.tier, prices);
  const base = overlay(plain[0], cardOf(model, prices, 0));
  const own = longer(model, prices).map((card) => overlay(base, card));
  const others = plain.slice(1).filter(({ above }) => !own.some((card) => card.above === above));
  const raised = others.map(({ above, tokens, units }) => ({
    above,
    tokens: new Map([...tokens].map(([kind, rate]) => [kind, dearest([rate, base.tokens.get(kind)]) ?? rate])),
    units,
  }));
  return [base, ...[...own, ...raised].toSorted((left, right) => left.above - right.above)];
}

/** What a card leaves out costs what it did before, and no less than plain text of its side does now. */
function overlay(base: Card, card: Card): Card {
  const tokens = new Map<string, bigint>();
  for (const kind of kinds) {
    const before = base.tokens.get(kind);
    const text = card.tokens.get(isInputKind(kind) ? "input" : "output");
    const rate = card.tokens.get(kind) ?? (before === undefined ? undefined : dearest([before, text]));
    if (rate !== undefined) tokens.set(kind, rate);
  }
  return { above: card.above, tokens, units: new Map([...base.units, ...card.units]) };
}

function longer(model: string, prices: PriceCard): Card[] {
  const cards = (prices.above ?? []).map((entry) => {
    checkNames(model, names.above, entry);
    return cardOf(model, entry, limit(model, "above promptTokens", entry.promptTokens) ?? 0);
  });
  return cards.toSorted((left, right) => left.above - right.above);
}

function cardOf(model: string, prices: PriceCard, above: number): Card {
  const given = Object.fromEntries(kinds.flatMap((kind) => (prices[kind] === undefined ? [] : [[kind, prices[kind]]])));
  return {
    above,
    tokens: readAll(model, "price", given, priceScale),
    units: readAll(model, "price", prices.per ?? {}, priceScale),
  };
}

function readAll(
  model: string,
  what: string,
  given: Readonly<Record<string, string>>,
  scale: number,
): ReadonlyMap<string, bigint> {
  const read = (name: string, text: unknown): bigint => {
    const value = typeof text === "string" ? parseDecimal(text, scale) : "syntax";
    if (typeof value === "bigint" && value >= 0n) return value;
    throw new ConfigurationError(`The ${name} ${what} of "${model}" is no decimal text such as "2.50".`);
  };
  return new Map(Object.entries(given).map(([name, text]) => [name, read(name, text)]));
}

function limit(model: string, name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new ConfigurationError(`${name} of "${model}" is no whole number of tokens.`);
}

export function dearest(rates: readonly (bigint | undefined)[]): bigint | undefined {
  return rates.reduce(
    (most, rate) => (rate !== undefined && (most === undefined || rate > most) ? rate : most),
    undefined,
  );
}
