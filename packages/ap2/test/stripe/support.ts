import { type RecoverOptions, recover, withReservation } from "@imprest/ap2";
import { type StripeCharge, chargeWithStripe, stripeLookupCharge } from "@imprest/ap2/stripe";
import { Stripe } from "stripe";
import { onTestFinished } from "vitest";
import { StripeServer } from "../../../../examples/ap2/stripe-server.ts";
import { type Harness, createHarness, makeTerms, otherWorker } from "../support/harness.ts";

/** A shop that takes payments through the real `stripe` package and a stand-in of Stripe. */
export interface Shop extends Harness {
  readonly server: StripeServer;
  readonly stripe: Stripe;
  readonly pay: (change?: Parameters<typeof makeTerms>[0], charge?: StripeCharge) => Promise<unknown>;
  /** As another process that knows that no other runs. */
  readonly recover: (change?: Partial<RecoverOptions>) => ReturnType<typeof recover>;
}

export const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };

export async function openShop({ maxNetworkRetries = 0 } = {}): Promise<Shop> {
  const server = await new StripeServer().listen();
  onTestFinished(() => server.close());
  const harness = createHarness();
  const stripe = new Stripe("sk_test_x", { host: "127.0.0.1", port: server.port, protocol: "http", maxNetworkRetries });
  return {
    ...harness,
    server,
    stripe,
    pay: (change = {}, charge = {}) =>
      withReservation(
        harness.authority,
        makeTerms(change),
        async (payment) => (await chargeWithStripe(stripe, payment, charge)).id,
        { tracksCharge: true },
      ).then(
        ({ value }) => value,
        (error: unknown) => error,
      ),
    recover: (change = {}) =>
      recover(otherWorker(harness), { ...soon, lookupCharge: stripeLookupCharge(stripe), ...change }),
  };
}
