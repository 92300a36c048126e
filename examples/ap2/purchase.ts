import type { RecordStore } from "@imprest/core";
import { sqliteRecordStore } from "@imprest/core/node";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import {
  type AP2Mandate,
  type ChargeLookup,
  type ChargeQuery,
  type PaymentResult,
  classifyStripeError,
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
): Promise<PaymentResult<string>> {
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
      await payment.charged({ reference: intent.id });
      return intent.id;
    },
    { classify: classifyStripeError },
  );
}

/** Finds the charge of an attempt whose worker did not live to see it. */
export async function lookupCharge(stripe: Stripe, { pspIdempotencyKey }: ChargeQuery): Promise<ChargeLookup> {
  const { data } = await stripe.paymentIntents.list({ limit: 100 });
  const found = data.find(({ metadata }) => metadata["imprest_key"] === pspIdempotencyKey);
  if (found === undefined) return { status: "none" };
  return { status: "charged", reference: found.id, amount: BigInt(found.amount) * 1_000_000n };
}
// #endregion
