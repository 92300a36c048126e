// docs/guides/payment-tool.md: a tool of an agent that pays once an order, whatever the model does.
import assert from "node:assert/strict";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("500") });
const budget = embedded.authority({ tenant: "acme", records: memoryRecordStore() }); // yours outlives the process
const charges: bigint[] = [];
/** Stands in for `chargeWithStripe(stripe, payment, { intent: { payment_method } })`. */
const charge = async (minorUnits: bigint): Promise<string> => `pi_${charges.push(minorUnits)}`;

// #region tool
import { AP2GuardCommitUncertain, AP2GuardError, type AP2Mandate, guard } from "@imprest/ap2";

/** What the user approved, by order: the model names an order, never an amount or a payee. */
const approved = new Map<string, AP2Mandate>([
  ["order-1", { transactionId: "order-1", amountValue: "199.00", currency: "USD", payeeWebsite: "shop.example" }],
  ["order-2", { transactionId: "order-2", amountValue: "900.00", currency: "USD", payeeWebsite: "shop.example" }],
]);

const pay = guard(budget, { tenant: "acme", agent: "shopper", runId: "run_1" }, async (payment) => {
  await payment.charging();
  const reference = await charge(payment.minorUnits);
  await payment.charged({ reference });
  return reference;
});

/** The body of a tool: its text is all that the model sees. */
async function payOrder({ order }: { readonly order: string }): Promise<{ text: string; isError: boolean }> {
  const mandate = approved.get(order);
  if (mandate === undefined) return { text: "The user has not approved this order.", isError: true };
  try {
    return { text: `Paid: ${await pay(mandate)}.`, isError: false };
  } catch (error) {
    if (AP2GuardCommitUncertain.isInstance(error)) return { text: "The payment is being looked into.", isError: true };
    if (AP2GuardError.isInstance(error)) return { text: `Not paid: ${error.code}.`, isError: true };
    return { text: "Not paid.", isError: true };
  }
}
// #endregion

// #region calls
console.log(await payOrder({ order: "order-1" })); // Paid: pi_1.
console.log(await payOrder({ order: "order-1" })); // Not paid: ERR_AP2_ALREADY_CONSUMED. A model that loops pays once
console.log(await payOrder({ order: "order-2" })); // Not paid: ERR_AP2_DENIED. More than the budget has
console.log(await payOrder({ order: "order-9" })); // The user has not approved this order.
// #endregion

assert.deepEqual(charges, [19_900n]);
const many = await Promise.all(Array.from({ length: 10 }, () => payOrder({ order: "order-1" })));
assert.ok(many.every(({ isError }) => isError));
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual([charges.length, spent, reserved], [1, 19_900_000_000n, 0n]);
