import type { Stripe } from "stripe";
import { ConfigurationError } from "@imprest/core";
import { AP2PaymentDeclined, AP2PaymentOpenError } from "../errors.ts";
import type { Payment } from "../options.ts";
import { stripeUnitsOf } from "./units.ts";
import { metadataOf, microcentsOf, outcomeOf, settledOutcomeOf } from "./intent.ts";

/** What an intent is made of besides its amount, currency and key, which follow from the payment. */
export interface StripeCharge {
  /** Members of the intent: `customer`, `payment_method`, `payment_method_types`, … */
  readonly intent?: Omit<Stripe.PaymentIntentCreateParams, "amount" | "currency" | "confirm"> | undefined;
  /** Members of its confirmation: `off_session`, `return_url`, `payment_method`, … */
  readonly confirm?: Stripe.PaymentIntentConfirmParams | undefined;
}

/**
 * Charges a payment through Stripe, as the body of `withReservation` or `guard`. The intent is created unconfirmed under
 * the payment's key, its id is recorded, then that id is confirmed: an intent succeeds at most once under any key, so a
 * repeat, however late, finds the same charge. Whatever the confirmation is answered, the intent itself is asked.
 * @throws AP2PaymentDeclined for a charge that was declined, its intent cancelled; AP2PaymentOpenError while it may still
 * charge (`requires_action`, `processing`, `requires_capture`), which holds the payment; what Stripe threw when the intent
 * could not be created, and a `ConfigurationError` for `capture_method: "manual"`, which release it.
 * @example
 * const params = { intent: { customer, payment_method }, confirm: { off_session: true } };
 * const options = { records, tracksCharge: true };
 * const pay = guard(authority, terms, (payment) => chargeWithStripe(stripe, payment, params), options);
 */
export async function chargeWithStripe(
  stripe: Stripe,
  payment: Payment,
  { intent = {}, confirm = {} }: StripeCharge = {},
): Promise<Stripe.PaymentIntent> {
  if (intent.capture_method === "manual")
    throw new ConfigurationError(
      "chargeWithStripe captures at once. Authorize with your own client, and capture by legs: captureWithStripe.",
    );
  const prepared = await prepare(stripe, payment, intent);
  await payment.charging({ reference: prepared.id });
  let [charged, failure]: [Stripe.PaymentIntent, unknown] = [prepared, undefined];
  if (outcomeOf(prepared).status === "idle") {
    try {
      charged = await stripe.paymentIntents.confirm(prepared.id, confirm);
    } catch (error) {
      failure = error;
      charged = await ask(stripe, prepared.id, error);
    }
  }
  const outcome = await settledOutcomeOf(stripe, charged);
  const { id: reference, status } = charged;
  if (outcome.status === "declined") {
    throw new AP2PaymentDeclined(`Stripe did not charge, and ${reference} is cancelled.`, { cause: failure });
  }
  if (outcome.status !== "charged") throw new AP2PaymentOpenError(reference, String(status), { cause: failure });
  const amount = microcentsOf(outcome.minorUnits, payment.currency, payment.microcents, stripeUnitsOf(payment));
  await payment.charged({ reference, amount });
  return charged;
}

/** The intent of an earlier attempt, or a new one. Until it is confirmed nothing can be charged with it. */
async function prepare(
  stripe: Stripe,
  payment: Payment,
  params: StripeCharge["intent"],
): Promise<Stripe.PaymentIntent> {
  const { reference } = payment;
  if (reference === undefined) return create(stripe, payment, params);
  const found = await stripe.paymentIntents.retrieve(reference);
  if (BigInt(found.amount) === stripeUnitsOf(payment) && found.currency === payment.currency.toLowerCase())
    return found;
  // Another checkout under the same open mandate prepared it: that one is over, or was paid after all.
  await payment.charging({ reference });
  const { status } = await settledOutcomeOf(stripe, found);
  if (status === "declined") throw new AP2PaymentDeclined(`${reference} was for another amount, and is cancelled.`);
  throw new AP2PaymentOpenError(reference, String(found.status));
}

async function create(stripe: Stripe, payment: Payment, params: StripeCharge["intent"]): Promise<Stripe.PaymentIntent> {
  try {
    const { pspIdempotencyKey: key, attempt, currency } = payment;
    const complete = {
      ...params,
      amount: Number(stripeUnitsOf(payment)),
      currency: currency.toLowerCase(),
      metadata: metadataOf(payment, params?.metadata),
      // Also where JavaScript gave another: an intent that is confirmed at its creation may charge before its id is recorded.
      confirm: false,
    };
    try {
      return await stripe.paymentIntents.create(complete, { idempotencyKey: key });
    } catch (error) {
      if (!isStored(error)) throw error;
      // An unconfirmed intent more does no harm; the answer that is stored under the key would come for 24 hours.
      return await stripe.paymentIntents.create(complete, { idempotencyKey: `${key}:${attempt.claim}` });
    }
  } catch (error) {
    payment.abort("Stripe created no intent");
    throw error;
  }
}

/** Whether Stripe repeats this answer for as long as it remembers the key: a 500, or a request that differs from the first. */
function isStored(error: unknown): boolean {
  const { type } = (error ?? {}) as { readonly type?: unknown };
  return type === "StripeAPIError" || type === "StripeIdempotencyError";
}

/** @throws AP2PaymentOpenError when the intent cannot be asked either. */
async function ask(stripe: Stripe, id: string, cause: unknown): Promise<Stripe.PaymentIntent> {
  try {
    return await stripe.paymentIntents.retrieve(id);
  } catch {
    throw new AP2PaymentOpenError(id, "unknown", { cause });
  }
}
