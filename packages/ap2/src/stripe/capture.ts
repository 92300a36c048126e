import type { Stripe } from "stripe";
import { AP2PaymentDeclined, AP2PaymentOpenError } from "../errors.ts";
import type { Payment } from "../options.ts";
import { stripeUnitsOf } from "./units.ts";
import { captureName, microcentsOf, outcomeOf } from "./intent.ts";

/** How a capture is made. */
export interface StripeCapture {
  /** An intent with `capture_method: "manual"` that the customer has authorized. */
  readonly intent: string;
  /** False keeps the rest authorized for more captures, where the account may capture several times. */
  readonly final?: boolean | undefined;
}

/**
 * Captures the payment's amount, or its leg's, of an intent that was authorized. The intent's metadata keep each capture by
 * the payment's key, so that a repeat finds it, and a look-up too.
 * @throws AP2PaymentDeclined when the authorization was cancelled before anything of it was captured; AP2PaymentOpenError
 * when nobody can say whether the capture was made, which holds the payment.
 * @example
 * // `pi_1` was made and confirmed by your own client, with `capture_method: "manual"`.
 * await withReservation(
 *   authority,
 *   { mandate, runId: "run_1", tenant: "acme", leg: { number: 1, amountValue: "20.00" } },
 *   (payment) => captureWithStripe(stripe, payment, { intent: "pi_1", final: false }),
 *   { records, tracksCharge: true },
 * );
 */
export async function captureWithStripe(
  stripe: Stripe,
  payment: Payment,
  { intent: id, final }: StripeCapture,
): Promise<Stripe.PaymentIntent> {
  const minorUnits = stripeUnitsOf(payment);
  const before = await stripe.paymentIntents.retrieve(id);
  // Read last: once a body has the key its payment is held, and a read that fails moves nothing.
  const { pspIdempotencyKey: key } = payment;
  const name = await captureName(key);
  let intent = before;
  let failure: unknown;
  await payment.charging({ reference: id });
  if (before.metadata[name] === undefined) {
    const params = {
      amount_to_capture: Number(minorUnits),
      metadata: { [name]: minorUnits.toString() },
      ...(final !== undefined && { final_capture: final }),
    };
    try {
      intent = await stripe.paymentIntents.capture(id, params, { idempotencyKey: key });
    } catch (error) {
      failure = error;
      intent = await stripe.paymentIntents.retrieve(id).catch(() => before);
    }
  }
  const captured = intent.metadata[name];
  if (captured === undefined || !/^\d{1,18}$/.test(captured)) {
    const { status } = outcomeOf(intent);
    if (status === "declined")
      throw new AP2PaymentDeclined(`${id} was cancelled, and nothing captured.`, { cause: failure });
    throw new AP2PaymentOpenError(id, String(intent.status), { cause: failure });
  }
  const amount = microcentsOf(BigInt(captured), payment.currency, payment.microcents, minorUnits);
  await payment.charged({ reference: id, amount });
  return intent;
}
