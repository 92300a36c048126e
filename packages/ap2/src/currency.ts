import { formatDecimal } from "@imprest/core/internal";
import { AP2CurrencyError, AP2MandateError } from "./errors.ts";

// ISO 4217, list one: the currencies in use, by the decimal places of their minor unit. `Intl` answers with the places
// that prices are usually shown with (none for HUF and IQD), which is another question.
const byExponent: readonly (readonly [exponent: number, codes: string])[] = [
  [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
  [3, "BHD IQD JOD KWD LYD OMR TND"],
  [4, "CLF UYW"],
  [
    2,
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
      "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF " +
      "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK " +
      "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP " +
      "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG " +
      "YER ZAR ZMW ZWG",
  ],
];

/** How many decimal places the minor unit of an ISO 4217 currency has; `undefined` for a code that is not in the list. */
export function minorUnitExponent(currency: string): number | undefined {
  const code = currency.toUpperCase();
  if (!/^[A-Z]{3}$/.test(code)) return undefined;
  return byExponent.find(([, codes]) => codes.includes(code))?.[0];
}

/**
 * Minor units as a decimal of whole units, with every place written: 19900 of USD is `"199.00"`.
 * @throws AP2MandateError for a currency whose minor unit is not known, and for anything but a whole number.
 */
export function fromMinorUnits(value: unknown, currency: string): string {
  const exponent = minorUnitExponent(currency);
  if (exponent === undefined) {
    throw new AP2MandateError(`'${currency}' is no ISO 4217 currency, so its minor unit is not known.`);
  }
  const minor = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof minor !== "bigint" || minor < 0n) {
    throw new AP2MandateError("payment_amount.amount must be a whole number of minor units, zero or more.");
  }
  const [whole = "0", fraction = ""] = formatDecimal(minor, exponent).split(".");
  return exponent === 0 ? whole : `${whole}.${fraction.padEnd(exponent, "0")}`;
}

/** Decimal places of a unit in which amounts are counted here. */
const scale = 8;

/**
 * Hundred-millionths of a currency's unit as its minor units.
 * @throws AP2CurrencyError for a currency whose minor unit is not known, and for a fraction of one.
 */
export function minorUnitsOf(scaled: bigint, currency: string): bigint {
  const exponent = minorUnitExponent(currency);
  if (exponent === undefined) {
    throw new AP2CurrencyError(`'${currency}' is no ISO 4217 currency, so its minor unit is not known.`);
  }
  const divisor = 10n ** BigInt(scale - exponent);
  if (scaled % divisor === 0n) return scaled / divisor;
  throw new AP2CurrencyError(`${formatDecimal(scaled, scale)} ${currency} is no whole number of minor units.`);
}
