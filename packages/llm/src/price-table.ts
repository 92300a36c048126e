import { type Amount, ConfigurationError, ValidationError, usdMicrocents } from "@imprest/core";
import { divideRoundingUp, parseDecimal } from "@imprest/core/internal";
import { type TokenUsage, readTokenUsage } from "./token-usage.ts";

/** Dollars per million tokens, as decimal text: `{ input: "2.50", output: "10.00" }`. */
export interface TokenPrices {
  readonly input: string;
  readonly output: string;
  /** Defaults to `input`: a cache that is not priced is not cheaper. */
  readonly cachedInput?: string | undefined;
  /** Defaults to `input`. */
  readonly cacheWrite?: string | undefined;
}

/** The user's own prices; nothing is bundled, because prices change. */
export interface PriceTable {
  /**
   * What a call cost: exact, rounded up once to a whole microcent.
   * @param usage a provider's usage object, or a `TokenUsage`.
   * @throws ValidationError for a model that has no price, and for a usage object with a count that is missing or no whole
   *   number, or with a part at another price (audio, a search, a service tier); it names the member.
   */
  price(model: string, usage: unknown): Amount;
  /** The most a call can cost: so many input tokens, and at most so many output tokens. @throws as `price`. */
  estimate(model: string, tokens: { readonly inputTokens: number; readonly maxOutputTokens: number }): Amount;
}

/** Prices are kept in hundred-millionths of a microcent, so that any published price is exact. */
const priceScale = 16;
/** Of a price kept so: per million tokens, and back to microcents. */
const divisor = 1_000_000n * 10n ** 8n;

interface Rates {
  readonly input: bigint;
  readonly output: bigint;
  readonly cachedInput: bigint;
  readonly cacheWrite: bigint;
}

/** Reads a price table. @throws ConfigurationError naming the model and the price that is no plain decimal. */
export function createPriceTable(prices: Readonly<Record<string, TokenPrices>>): PriceTable {
  const table = new Map(Object.entries(prices).map(([model, entry]) => [model, ratesOf(model, entry)]));
  const ratesFor = (model: string): Rates => {
    const rates = table.get(model);
    if (rates) return rates;
    throw new ValidationError("price", [
      { pointer: "/model", message: `"${model}" has no price; add it to the table` },
    ]);
  };
  return {
    price(model, usage) {
      return cost(ratesFor(model), readTokenUsage(usage));
    },
    estimate(model, { inputTokens, maxOutputTokens }) {
      const rates = ratesFor(model);
      // Whether a cache is read or written is known only afterwards: the dearest way counts.
      const dearest = [rates.input, rates.cachedInput, rates.cacheWrite].reduce((a, b) => (a > b ? a : b));
      return cost(
        { ...rates, input: dearest },
        { inputTokens: whole(inputTokens), outputTokens: whole(maxOutputTokens) },
      );
    },
  };
}

function cost(rates: Rates, usage: TokenUsage): Amount {
  const cached = BigInt(usage.cachedInputTokens ?? 0);
  const written = BigInt(usage.cacheWriteTokens ?? 0);
  const plain = BigInt(usage.inputTokens) - cached - written;
  if (plain < 0n) {
    const message = "counts more cached tokens than input tokens";
    throw new ValidationError("price", [{ pointer: "/usage", message }]);
  }
  const total =
    plain * rates.input +
    cached * rates.cachedInput +
    written * rates.cacheWrite +
    BigInt(usage.outputTokens) * rates.output;
  return usdMicrocents(divideRoundingUp(total, divisor));
}

function ratesOf(model: string, { input, output, cachedInput = input, cacheWrite = input }: TokenPrices): Rates {
  const read = (name: string, text: string): bigint => {
    const rate = typeof text === "string" ? parseDecimal(text, priceScale) : "syntax";
    if (typeof rate === "bigint" && rate >= 0n) return rate;
    throw new ConfigurationError(`The ${name} price of "${model}" is no decimal text such as "2.50".`);
  };
  return {
    input: read("input", input),
    output: read("output", output),
    cachedInput: read("cachedInput", cachedInput),
    cacheWrite: read("cacheWrite", cacheWrite),
  };
}

function whole(count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new ValidationError("price", [{ pointer: "/tokens", message: `${count} is not a whole number of tokens` }]);
}
