import { AP2CurrencyError } from "../errors.ts";
import type { Payment } from "../options.ts";

/** Stripe counts these in hundredths, though ISO 4217 gives them no minor unit (Stripe, currencies, special cases). */
const inHundredths = ["ISK", "UGX"];
/** Stripe counts these in whole units, though ISO 4217 gives them a minor unit (Stripe, currencies, zero-decimal). */
const inWholes = ["MGA"];

/** A payment's amount as Stripe counts. @throws AP2CurrencyError for a fraction of Stripe's smallest unit: nothing is rounded. */
export function stripeUnitsOf({ minorUnits, currency }: Pick<Payment, "minorUnits" | "currency">): bigint {
  const code = currency.toUpperCase();
  if (inHundredths.includes(code)) return minorUnits * 100n;
  if (!inWholes.includes(code)) return minorUnits;
  if (minorUnits % 100n === 0n) return minorUnits / 100n;
  throw new AP2CurrencyError(`Stripe takes whole ${code} alone, and ${minorUnits} hundredths are not.`);
}
