import type { RecordStore } from "@imprest/core";
import { sqliteRecordStore } from "@imprest/core/node";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import {
  type AP2Mandate,
  AP2PaymentDeclined,
  type ChargeLookup,
  type ChargeQuery,
  type PaymentSettlement,
  classifyPspError,
  withReservation,
} from "@imprest/ap2";
import { Stripe } from "stripe";

/** Where everything is; plain JSON, so that a worker process can be told. */
export interface Places {
  readonly authorityUrl: string;
  readonly apiKey: string;
  readonly stripePort: number;
  readonly recordsFile: string;
}

/** What one worker works with. */
export interface Worker {
  readonly authority: CyclesAuthority;
  readonly stripe: Stripe;
  readonly records: RecordStore;
}

export function createWorker({ authorityUrl, apiKey, stripePort, recordsFile }: Places): Worker {
  const records = sqliteRecordStore(recordsFile);
  const client = new CyclesClient({ baseUrl: authorityUrl, apiKey, subject: { tenant: "acme" } });
  const authority = new CyclesAuthority(client, { records });
  const stripe = new Stripe("sk_test_example", {
    host: "127.0.0.1",
    port: stripePort,
    protocol: "http",
    maxNetworkRetries: 0,
  });
  return { authority, stripe, records };
}

// #region purchase
/** Buys once per mandate, however often it is called and whoever calls it. */
export function purchase(
  { authority, stripe }: Worker,
  mandate: AP2Mandate,
  options: { readonly dryRun?: boolean; readonly afterCharge?: () => void } = {},
): Promise<{ value: string; settlement: PaymentSettlement }> {
  return withReservation(
    authority,
    { mandate, mode: "hnp", runId: "run_1", tenant: "acme", agent: "checkout-bot", dryRun: options.dryRun },
    async (payment) => {
      const cents = Number(payment.microcents / 1_000_000n);
      const intent = await stripe.paymentIntents.create(
        { amount: cents, currency: "usd", confirm: true, metadata: { imprest_key: payment.pspIdempotencyKey } },
        { idempotencyKey: payment.pspIdempotencyKey },
      );
      options.afterCharge?.();
      const { status } = outcomeOf(intent);
      if (status === "declined") throw new AP2PaymentDeclined(`Stripe did not charge: ${intent.status}.`);
      // Money may still move, or be waiting for somebody: the payment is held, and lookupCharge finds out.
      if (status !== "charged") throw new Error(`Stripe has not charged yet: ${intent.status}.`);
      await payment.charged({ reference: intent.id });
      return intent.id;
    },
    { classify: classifyPspError }, // a card error is a decline; a rate limit, a refused login, … says nothing
  );
}

/** Finds the charge of an attempt whose worker did not live to see it, on however many pages of the list. */
export async function lookupCharge(
  stripe: Stripe,
  { pspIdempotencyKey, startedAtMs, signal }: ChargeQuery,
): Promise<ChargeLookup> {
  const created = { gte: Math.floor(startedAtMs / 1000) - 3_600 }; // Stripe's clock is not this one
  let found: ChargeLookup = { status: "none" }; // believed only once the whole list was read
  for await (const intent of stripe.paymentIntents.list({ created, limit: 100 })) {
    if (signal.aborted) return { status: "unknown" };
    if (intent.metadata["imprest_key"] !== pspIdempotencyKey) continue;
    const outcome = outcomeOf(intent);
    if (outcome.status === "charged") return outcome;
    if (found.status !== "unknown") found = outcome;
  }
  return found;
}

/** What a PaymentIntent says about its charge. */
function outcomeOf(intent: Stripe.PaymentIntent): ChargeLookup {
  const { id: reference, status, amount, last_payment_error: refusal } = intent;
  if (status === "succeeded") return { status: "charged", reference, amount: BigInt(amount) * 1_000_000n };
  const isRefused = status === "requires_payment_method" && refusal?.type === "card_error";
  return { status: status === "canceled" || isRefused ? "declined" : "unknown" };
}
// #endregion
