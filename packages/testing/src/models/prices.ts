import { type Amount, ConfigurationError, usdMicrocents } from "@imprest/core";
import { refuseUnknownOptions } from "@imprest/core/internal";

/** Dollars per million tokens of a kind, as decimal text. */
export interface ProviderTokenPrices {
  readonly input?: string | undefined;
  /** Read from a prompt cache. A model without it caches no prompts. */
  readonly cachedInput?: string | undefined;
  /** Written to a prompt cache; `input` where it is absent. */
  readonly cacheWrite?: string | undefined;
  /** Written to Anthropic's cache of one hour. */
  readonly cacheWrite1h?: string | undefined;
  readonly output?: string | undefined;
  /** `output` where it is absent. */
  readonly reasoning?: string | undefined;
  readonly imageOutput?: string | undefined;
}

/** What the provider charges for a model: a part of what `createPriceTable` of `@imprest/llm` takes, in the same form. */
export interface ProviderPrices extends ProviderTokenPrices {
  /** Prices of every token of a request whose prompt is longer than `promptTokens`. */
  readonly above?: readonly ({ readonly promptTokens: number } & ProviderTokenPrices)[] | undefined;
  /** Dollars for one `request` or `image`, as decimal text. */
  readonly per?: { readonly request?: string | undefined; readonly image?: string | undefined } | undefined;
  /** The longest answer, for a request that names no limit. */
  readonly maxOutputTokens?: number | undefined;
  /** Read by `createPriceTable` alone. */
  readonly maxInputTokens?: number | undefined;
  /** Where the prices come from; it changes no price. */
  readonly source?: Readonly<Record<string, string>> | undefined;
}

const tokenKinds = [
  "input",
  "cachedInput",
  "cacheWrite",
  "cacheWrite1h",
  "output",
  "reasoning",
  "imageOutput",
] as const;
const unitKinds = ["request", "image"] as const;

/** What is charged by the token. */
export type ChargedTokens = (typeof tokenKinds)[number];

/** What a call has used so far, by what it is charged as. */
export type Counts = Record<ChargedTokens | (typeof unitKinds)[number], number>;

export function noCounts(): Counts {
  return {
    input: 0,
    cachedInput: 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    output: 0,
    reasoning: 0,
    imageOutput: 0,
    request: 0,
    image: 0,
  };
}

/** A price list that charges by its own arithmetic, so that a fault of `@imprest/llm` is not repeated here. */
export interface Tariff {
  /** Whether prompts are cached. */
  readonly caches: boolean;
  /** Whether a cache write is distinguished from other input. */
  readonly countsWrites: boolean;
  readonly maxOutputTokens: number | undefined;
  /** Whether tokens or units of this kind have a price. */
  has(kind: keyof Counts): boolean;
  /** What the counts cost, rounded up once to a whole microcent. */
  charge(counts: Counts): Amount;
}

/** Prices are kept in units of 10^-12 dollars: for a million tokens, or for one piece. */
const decimals = 12;
/** From 10^-12 dollars a million tokens to microcents: 10^(12 + 6 - 8). */
const divisor = 10n ** 10n;
const perMillion = 10n ** 6n;

/** What a price file says besides, and what this provider never counts: pictures and sound of a prompt are its text here. */
const unused = ["source", "imageInput", "cachedImageInput", "audioInput", "cachedAudioInput", "audioOutput"];
const known: ReadonlySet<string> = new Set([
  ...tokenKinds,
  ...unused,
  "above",
  "per",
  "maxOutputTokens",
  "maxInputTokens",
]);
const knownAbove: ReadonlySet<string> = new Set([...tokenKinds, ...unused, "promptTokens"]);
const knownUnits: ReadonlySet<string> = new Set(unitKinds);

/** @throws ConfigurationError for a price that is no plain decimal, and for a member that is not charged here. */
export function readTariff(model: string, prices: ProviderPrices): Tariff {
  refuseUnknownOptions(prices, known);
  refuseUnknownOptions(prices.per ?? {}, knownUnits);
  const longer = (prices.above ?? []).map((card) => {
    refuseUnknownOptions(card, knownAbove);
    return { above: card.promptTokens, rates: ratesOf(model, { ...prices, ...card }) };
  });
  const cards = [
    { above: -1, rates: ratesOf(model, prices) },
    ...longer.toSorted((left, right) => left.above - right.above),
  ];
  const units = { request: priceOf(model, prices.per?.request), image: priceOf(model, prices.per?.image) };
  return {
    caches: prices.cachedInput !== undefined,
    countsWrites: prices.cacheWrite !== undefined,
    maxOutputTokens: prices.maxOutputTokens,
    has: (kind) => (kind === "request" || kind === "image" ? units[kind] : cards[0]?.rates[kind]) !== undefined,
    charge(counts) {
      const prompt = counts.input + counts.cachedInput + counts.cacheWrite + counts.cacheWrite1h;
      const rates = cards.findLast(({ above }) => prompt > above)?.rates;
      let sum = 0n;
      for (const kind of tokenKinds) sum += BigInt(counts[kind]) * (rates?.[kind] ?? 0n);
      for (const kind of unitKinds) sum += BigInt(counts[kind]) * (units[kind] ?? 0n) * perMillion;
      return usdMicrocents((sum + divisor - 1n) / divisor);
    },
  };
}

type Rates = Readonly<Record<ChargedTokens, bigint | undefined>>;

function ratesOf(model: string, prices: ProviderTokenPrices): Rates {
  const input = priceOf(model, prices.input);
  const output = priceOf(model, prices.output);
  return {
    input,
    cachedInput: priceOf(model, prices.cachedInput),
    cacheWrite: priceOf(model, prices.cacheWrite) ?? input,
    cacheWrite1h: priceOf(model, prices.cacheWrite1h),
    output,
    reasoning: priceOf(model, prices.reasoning) ?? output,
    imageOutput: priceOf(model, prices.imageOutput),
  };
}

function priceOf(model: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const [, whole = "", part = ""] = /^(\d{1,9})(?:\.(\d{1,12}))?$/.exec(text) ?? [];
  if (whole === "") throw new ConfigurationError(`A price of "${model}" is no decimal text such as "2.50".`);
  return BigInt(whole + part.padEnd(decimals, "0"));
}
