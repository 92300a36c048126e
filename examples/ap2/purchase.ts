import type { RecordStore } from "@imprest/core";
import { sqliteRecordStore } from "@imprest/core/node";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import {
  type AP2Mandate,
  type ChargeLookup,
  type ChargeQuery,
  type PaymentSettlement,
  withReservation,
} from "@imprest/ap2";
import { chargeWithStripe, stripeLookupCharge } from "@imprest/ap2/stripe";
import { Stripe } from "stripe";

/** Where everything is; plain JSON, so that it can be sent to a worker process. */
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
  options: { readonly dryRun?: boolean } = {},
): Promise<{ value: string; settlement: PaymentSettlement }> {
  return withReservation(
    authority,
    { mandate, mode: "hnp", runId: "run_1", tenant: "acme", agent: "checkout-bot", dryRun: options.dryRun },
    async (payment) => {
      const { id } = await chargeWithStripe(stripe, payment, { intent: { payment_method: "pm_card_visa" } });
      return id;
    },
    { tracksCharge: true }, // chargeWithStripe calls charging() before it confirms the intent
  );
}

/** What `recover` asks Stripe about a payment whose worker did not live to see its end. */
export const lookupCharge = (stripe: Stripe, query: ChargeQuery): ChargeLookup | PromiseLike<ChargeLookup> =>
  stripeLookupCharge(stripe)(query);
// #endregion
