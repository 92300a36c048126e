import { divideRoundingUp, parseDecimal } from "@imprest/core/internal";
import { AP2CurrencyError } from "./errors.ts";
import type { AP2Mandate } from "./mandate.ts";
import { type AmountOptions, checkMicrocents, toMicrocents, toScaled } from "./microcents.ts";

/** A price for one currency in dollars, from whoever guarantees it. It is recorded with the payment. */
export interface Quote {
  readonly id: string;
  /** ISO 4217, of the mandate. */
  readonly currency: string;
  /** Dollars for one whole unit, as a plain decimal with at most 18 places: `"1.0837"`. */
  readonly rate: string;
  /** Epoch milliseconds. */
  readonly expiresAtMs: number;
}

/** A quote, or where to get one when it is needed. */
export type QuoteSource = Quote | ((mandate: AP2Mandate) => Quote | PromiseLike<Quote>);

/** What a payment costs in microcents, and by which quote. */
export interface Priced {
  readonly microcents: bigint;
  readonly quote?: Quote | undefined;
}

const rateScale = 18;

/**
 * Prices an amount of the mandate's currency; a fraction of a microcent is rounded up, so that no spend is left out.
 * @throws AP2CurrencyError without a quote, and for one of another currency, without a usable rate or out of date.
 */
export async function price(
  mandate: AP2Mandate,
  amountValue: string,
  source: QuoteSource | undefined,
  nowMs: number,
  options: AmountOptions,
): Promise<Priced> {
  if (source === undefined || mandate.currency.toUpperCase() === "USD") {
    return { microcents: toMicrocents(amountValue, mandate.currency, options) };
  }
  const quote = typeof source === "function" ? await source(mandate) : source;
  const rate = parseDecimal(quote.rate, rateScale);
  if (quote.currency.toUpperCase() !== mandate.currency.toUpperCase()) {
    throw new AP2CurrencyError(
      `Quote ${quote.id} is for ${quote.currency}, but the mandate is in ${mandate.currency}.`,
    );
  }
  if (typeof rate !== "bigint" || rate <= 0n) {
    throw new AP2CurrencyError(`Quote ${quote.id} has no usable rate; write a plain decimal such as "1.0837".`);
  }
  if (!(quote.expiresAtMs > nowMs)) throw new AP2CurrencyError(`Quote ${quote.id} has expired; get a new one.`);
  const microcents = divideRoundingUp(toScaled(amountValue, options) * rate, 10n ** BigInt(rateScale));
  return { microcents: checkMicrocents(microcents, "The quoted amount"), quote };
}

/** The quote as a reserve's metadata holds it. */
export function quoteMetadata({ id, currency, rate, expiresAtMs }: Quote): Readonly<Record<string, unknown>> {
  return { fx_quote: { id, currency, rate, expires_at_ms: expiresAtMs } };
}
