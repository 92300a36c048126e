// docs/ap2.md: a signed mandate is verified and paid with Stripe, captured in parts, and given back in part.
import assert from "node:assert/strict";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { Stripe } from "stripe";
import { StripeServer } from "../ap2/stripe-server.ts";
import { giveConsent } from "../ap2/tokens.ts";

const server = await new StripeServer().listen(); // stands in for Stripe
const stripe = new Stripe("sk_test_example", { host: "127.0.0.1", port: server.port, protocol: "http" });
const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("500") });
const budget = embedded.authority({ tenant: "acme", records: memoryRecordStore() }); // yours outlives the process
const consent = await giveConsent();
const chain = await consent.close("order-1", 19_900);
const { issuerKey } = consent;
const payment_method = "pm_card_visa";

// #region charge
import { guard } from "@imprest/ap2";
import { chargeWithStripe } from "@imprest/ap2/stripe";

const terms = { tenant: "acme", agent: "checkout-bot", runId: "run_1" };
const pay = guard(
  budget,
  terms,
  async (payment) => (await chargeWithStripe(stripe, payment, { intent: { payment_method } })).id,
  { tracksCharge: true },
);
// #endregion

// #region verify
import { hasErrors } from "@imprest/core/audit";
import { verifyMandate } from "@imprest/ap2/verify";

const report = await verifyMandate(chain, { issuerKeys: [issuerKey] });
if (report.disposition !== "authentic" || hasErrors(report) || report.mandate === undefined)
  throw new Error(report.findings.map(({ message }) => message).join(" "));
const { mandate } = report;
const intent = await pay(mandate); // pi_1
// #endregion

assert.equal(intent, "pi_1");
assert.deepEqual(server.charged, [19_900]);
// A chain that is signed and over the user's limit is authentic too: what it breaks stands among its findings.
const over = await verifyMandate(await consent.close("order-9", 20_001), { issuerKeys: [issuerKey] });
assert.deepEqual([over.disposition, hasErrors(over)], ["authentic", true]);

// #region refund
import { guardRefund } from "@imprest/ap2";
import { refundWithStripe } from "@imprest/ap2/stripe";

await guardRefund(
  budget,
  { ...terms, mandate, refund: { number: 1, amount: usd("20").amount } }, // the first refund of this payment
  (payment) => refundWithStripe(stripe, payment, { intent }),
  { tracksCharge: true },
);
// #endregion

assert.equal(server.refunded, 2_000);
const order = { transactionId: "order-2", amountValue: "50.00", currency: "USD", payeeWebsite: "merchant.example" };

// #region legs
import { withReservation } from "@imprest/ap2";
import { captureWithStripe } from "@imprest/ap2/stripe";

// The authorization moves no money: your own client makes it, outside any budget.
const authorized = await stripe.paymentIntents.create({
  amount: 5_000,
  currency: "usd",
  payment_method,
  capture_method: "manual",
  confirm: true,
});
const capture = (number: number, amountValue: string, final: boolean): Promise<unknown> =>
  withReservation(
    budget,
    { ...terms, mandate: order, leg: { number, amountValue } },
    (payment) => captureWithStripe(stripe, payment, { intent: authorized.id, final }),
    { tracksCharge: true },
  );
await capture(1, "20.00", false); // the first parcel
await capture(2, "25.00", true); // the last one: the card's remaining $5 are given back
// #endregion

assert.deepEqual(server.charged, [19_900, 2_000, 2_500]);
const payload = JSON.stringify({
  id: "evt_1",
  object: "event",
  type: "payment_intent.succeeded",
  data: { object: await stripe.paymentIntents.retrieve(intent) },
});
const secret = "whsec_example";
const signature = await stripe.webhooks.generateTestHeaderStringAsync({ payload, secret });

// #region webhook
import { recover } from "@imprest/ap2";
import { reconcileStripeEvent, stripeLookupCharge } from "@imprest/ap2/stripe";

const event = await stripe.webhooks.constructEventAsync(payload, signature, secret);
const resolution = await reconcileStripeEvent(stripe, budget, event); // settled; "unresolved": answer 500, it comes again
const { problems } = await recover(budget, { lookupCharge: stripeLookupCharge(stripe) }); // on start, and from time to time
// #endregion

assert.deepEqual([resolution, problems], ["settled", []]);
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual([spent, reserved], [usd("244").amount, 0n]);
server.close();
await embedded.close();
