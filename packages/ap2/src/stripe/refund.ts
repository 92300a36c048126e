import type { Stripe } from "stripe";
import { AP2PaymentDeclined, AP2PaymentOpenError } from "../errors.ts";
import type { Payment } from "../options.ts";
import { metadataNames, metadataOf } from "./intent.ts";
import { refundOutcome } from "./look-up.ts";
import { stripeUnitsOf } from "./units.ts";

/**
 * Gives the refund's amount back of an intent, as the body of `guardRefund`. A refund that was made for this payment before,
 * however long ago, is found by its metadata: Stripe itself forgets a key after 24 hours.
 * @throws AP2PaymentDeclined for a refund that failed; AP2PaymentOpenError when nobody can say whether it was made, which
 * holds it.
 * @example
 * const terms = { mandate, runId: "run_1", tenant: "acme", refund: { number: 1, amount: usd("20").amount } };
 * const options = { records, tracksCharge: true };
 * await guardRefund(authority, terms, (payment) => refundWithStripe(stripe, payment, { intent: "pi_1" }), options);
 */
export async function refundWithStripe(
  stripe: Stripe,
  payment: Payment,
  { intent, ...params }: { readonly intent: string } & Omit<Stripe.RefundCreateParams, "amount" | "payment_intent">,
): Promise<Stripe.Refund> {
  const { pspIdempotencyKey: key } = payment;
  let refund = await find(stripe, intent, key);
  if (refund === undefined) {
    await payment.charging({ reference: intent });
    const metadata = metadataOf(payment, params.metadata);
    const complete = { ...params, payment_intent: intent, amount: Number(stripeUnitsOf(payment)), metadata };
    try {
      refund = await stripe.refunds.create(complete, { idempotencyKey: key });
    } catch (cause) {
      refund = await find(stripe, intent, key).catch(() => undefined);
      if (refund === undefined) throw new AP2PaymentOpenError(intent, "unknown", { cause });
    }
  }
  const outcome = refundOutcome(refund);
  if (outcome.status === "declined") throw new AP2PaymentDeclined(`Stripe did not make refund ${refund.id}.`);
  if (outcome.status !== "charged") throw new AP2PaymentOpenError(refund.id, String(refund.status));
  await payment.charged(outcome);
  return refund;
}

async function find(stripe: Stripe, intent: string, key: string): Promise<Stripe.Refund | undefined> {
  for await (const refund of stripe.refunds.list({ payment_intent: intent, limit: 100 })) {
    if (refund.metadata?.[metadataNames.key] === key) return refund;
  }
  return undefined;
}
