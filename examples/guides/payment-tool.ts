// docs/guides/payment-tool.md: a tool of an agent that pays once an order, whatever the model does.
import assert from "node:assert/strict";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1400") });
const budget = embedded.authority({ tenant: "acme", records: memoryRecordStore() }); // yours outlives the process
const charges: bigint[] = [];
/** Stands in for `chargeWithStripe(stripe, payment, { intent: { payment_method } })`. */
const charge = async (minorUnits: bigint): Promise<string> => {
  charges.push(minorUnits);
  if (minorUnits === 19_903n) throw new Error("socket hang up"); // charged, and the answer is lost
  return `pi_${charges.length}`;
};
const saveOrder = async (reference: string): Promise<void> => {
  if (reference === "pi_2") throw new Error("The order's row could not be written.");
};

// #region tool
import {
  AP2AlreadyConsumed,
  AP2GuardCommitUncertain,
  AP2GuardDenied,
  type AP2Mandate,
  AP2PaymentDeclined,
  guard,
} from "@imprest/ap2";

/** What the user approved, by order: the model names an order, never an amount or a payee. */
const approved = new Map<string, AP2Mandate>([
  ["order-1", { transactionId: "order-1", amountValue: "199.00", currency: "USD", payeeWebsite: "shop.example" }],
  ["order-2", { transactionId: "order-2", amountValue: "900.00", currency: "USD", payeeWebsite: "shop.example" }],
]);

const pay = guard(
  budget,
  { tenant: "acme", agent: "shopper", runId: "run_1" },
  async (payment) => {
    await payment.charging(); // a throw before this line charged nothing: the budget is released
    const reference = await charge(payment.minorUnits);
    await payment.charged({ reference });
    await saveOrder(reference);
    return reference;
  },
  { tracksCharge: true }, // the body calls charging() before it charges
);

/** The body of a tool: its text is all that the model sees. It says "Not paid" only where that is proven. */
async function payOrder({ order }: { readonly order: string }): Promise<{ text: string; isError: boolean }> {
  const mandate = approved.get(order);
  if (mandate === undefined) return { text: "The user has not approved this order.", isError: true };
  try {
    return { text: `Paid: ${await pay(mandate)}.`, isError: false };
  } catch (error) {
    const isUsed = AP2AlreadyConsumed.isInstance(error);
    if (isUsed && (error.phase === "settled" || error.phase === "charged"))
      return { text: "This order is already paid.", isError: false };
    if (isUsed || AP2GuardCommitUncertain.isInstance(error))
      return { text: "It may be paid already; it is being looked into. Do not order it again.", isError: true };
    if (AP2GuardDenied.isInstance(error) || AP2PaymentDeclined.isInstance(error))
      return { text: `Not paid: ${error.message}`, isError: true };
    // AP2GuardCommitFailed, and what the body threw after it had charged
    return { text: "It may be paid. Do not order it again.", isError: true };
  }
}
// #endregion

// #region calls
console.log(await payOrder({ order: "order-1" })); // Paid: pi_1.
console.log(await payOrder({ order: "order-1" })); // This order is already paid. A model that loops pays once
console.log(await payOrder({ order: "order-2" })); // Paid, and its row was not written: It may be paid.
console.log(await payOrder({ order: "order-2" })); // This order is already paid.
console.log(await payOrder({ order: "order-9" })); // The user has not approved this order.
// #endregion

assert.deepEqual(charges, [19_900n, 90_000n]);
const many = await Promise.all(Array.from({ length: 10 }, () => payOrder({ order: "order-1" })));
assert.ok(many.every(({ text }) => text === "This order is already paid."));

const approve = (order: string, amountValue: string): Map<string, AP2Mandate> =>
  approved.set(order, { transactionId: order, amountValue, currency: "USD", payeeWebsite: "shop.example" });
approve("order-lost", "199.03");
approve("order-dear", "900.00");

// Charged, and its answer lost: the text never says that this order is not paid.
const lost = [await payOrder({ order: "order-lost" }), await payOrder({ order: "order-lost" })];
assert.ok(lost.every(({ text }) => text.startsWith("It may be paid already")));
// Refused before anything was charged.
assert.match((await payOrder({ order: "order-dear" })).text, /^Not paid: .*Nothing was started\.$/);
assert.equal((await payOrder({ order: "order-2" })).text, "This order is already paid.");

const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual([charges.length, spent, reserved], [3, 109_900_000_000n, 19_903_000_000n]);
