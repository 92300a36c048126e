import { ConfigurationError, formatDecimal } from "@imprest/core/internal/verify";

/** What one of a unit costs. */
export interface FocusPrice {
  /** ISO 4217: `"USD"`. */
  readonly currency: string;
  /** Of one of the unit, an exact decimal: `"0.00001"`. */
  readonly price: string;
}

/** What is to be priced: amounts of one unit, of one model where the reserve named one. */
export interface FocusPriced {
  readonly unit: string;
  /** `runtime_metadata.model` of the reserve. */
  readonly model: string | null;
  /** `event_time` of the settlement, epoch milliseconds. */
  readonly atMs: number;
}

/** Units that are money: one of the unit is `10^-scale` of the currency. */
export type FocusMoney = Readonly<Record<string, { readonly currency: string; readonly scale: number }>>;

/** How amounts of a unit become quantities and costs, exactly. */
export interface Rate {
  readonly currency: string;
  /** FOCUS Unit Format: `Tokens`; for money, its currency. */
  readonly unitName: string;
  readonly unitPrice: string;
  /** Defines one unit price, whatever the model charges later. */
  readonly skuPriceId: string;
  quantityOf(amount: bigint): string;
  costOf(amount: bigint): string;
}

/** Finds the rate of a unit; `undefined` for one that is neither money nor priced. */
export type FindRate = (priced: FocusPriced) => Rate | undefined;

const knownMoney: FocusMoney = { USD_MICROCENTS: { currency: "USD", scale: 8 } };

/** @throws ConfigurationError naming the unit, at once for money and when a price is asked for. */
export function rateFinder(
  money: FocusMoney = {},
  priceOf?: (priced: FocusPriced) => FocusPrice | undefined,
): FindRate {
  const scales = new Map(Object.entries({ ...knownMoney, ...money }));
  for (const [unit, { currency, scale }] of scales) {
    checkCurrency(unit, currency);
    if (!Number.isSafeInteger(scale) || scale < 0 || scale > 38) {
      throw new ConfigurationError(`The scale of ${unit} must be a whole number from 0 to 38.`);
    }
  }
  return (priced) => {
    const { unit, model } = priced;
    const worth = scales.get(unit);
    if (worth !== undefined) return moneyRate(model ?? unit, worth);
    const price = priceOf?.(priced);
    return price === undefined ? undefined : pricedRate(priced, price);
  };
}

/** Money is counted in its currency, at 1 each: nothing is lost by a reader whose decimals are binary fractions. */
function moneyRate(skuId: string, { currency, scale }: { readonly currency: string; readonly scale: number }): Rate {
  const write = (amount: bigint): string => formatDecimal(amount, scale);
  return {
    currency,
    unitName: currency,
    unitPrice: "1",
    skuPriceId: `${skuId}/${currency}`,
    quantityOf: write,
    costOf: write,
  };
}

function pricedRate({ unit, model }: FocusPriced, { currency, price }: FocusPrice): Rate {
  checkCurrency(unit, currency);
  const [, whole = "", fraction = ""] = /^(\d{1,20})(?:\.(\d{1,20}))?$/.exec(price) ?? [];
  if (whole === "") throw new ConfigurationError(`The price of ${unit} is no plain decimal such as "0.00001".`);
  const unitPrice = BigInt(whole + fraction);
  const text = formatDecimal(unitPrice, fraction.length);
  const sku = model === null ? unit : `${model}/${unit}`;
  return {
    currency,
    unitName: unitNameOf(unit),
    unitPrice: text,
    skuPriceId: `${sku}/${text} ${currency}`,
    quantityOf: String,
    costOf: (amount) => formatDecimal(amount * unitPrice, fraction.length),
  };
}

/** FOCUS names what is counted, capitalised and in the plural; `Tokens` and `Requests` are its own words. */
function unitNameOf(unit: string): string {
  if (/tokens?$/i.test(unit)) return "Tokens";
  if (/requests?$/i.test(unit)) return "Requests";
  return unit
    .toLowerCase()
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ");
}

function checkCurrency(unit: string, currency: string): void {
  if (/^[A-Z]{3}$/.test(currency)) return;
  throw new ConfigurationError(`The currency of ${unit} is no code of ISO 4217 such as "USD".`);
}
