import type { PaymentSource } from "../authority.ts";
import type { RecordStore } from "@imprest/core";
import type { Stripe } from "stripe";
import { reconcile } from "../recover.ts";
import type { Resolution } from "../resolve-attempt.ts";
import { metadataNames } from "./intent.ts";
import { stripeLookupCharge } from "./look-up.ts";

/**
 * Settles the payment that a webhook is about: the event says which, Stripe is asked how it stands now, since events come
 * twice and out of order. Verify the event before (`stripe.webhooks.constructEvent`).
 * @returns `"unresolved"` while the payment may still be under way: answer with an error, and Stripe delivers the event
 * again. `undefined` for an event of something that this package did not make.
 * @throws as `reconcile`.
 * @example
 * const event = stripe.webhooks.constructEvent(rawBody, signature, secret);
 * const resolution = await reconcileStripeEvent(stripe, authority, event, { records });
 * response.statusCode = resolution === "unresolved" ? 500 : 200; // 500: Stripe delivers the event again
 */
export async function reconcileStripeEvent(
  stripe: Stripe,
  source: PaymentSource,
  event: Stripe.Event,
  options: { readonly records?: RecordStore | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Resolution | undefined> {
  if (!/^(?:payment_intent|refund)\./.test(event.type)) return undefined;
  const { metadata } = event.data.object as { readonly metadata?: Readonly<Record<string, string>> | null };
  const record = metadata?.[metadataNames.record];
  const claim = metadata?.[metadataNames.claim];
  if (record === undefined || claim === undefined) return undefined;
  return reconcile(source, { attempt: { record, claim } }, { ...options, lookupCharge: stripeLookupCharge(stripe) });
}
