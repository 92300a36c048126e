// docs/guides/payment.md: a payment that is made once, one that fails unclearly, and what a look at the PSP makes of it.
import assert from "node:assert/strict";
import { usd, usdMicrocents } from "@imprest/core";
import { sqliteRecordStore } from "@imprest/core/node";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("500") });
const file = ":memory:"; // yours is a file, or a store that several machines share

/** Stands in for a payment service: it charges once per key, and its second answer is lost on the way. */
const psp = {
  charges: new Map<string, bigint>(),
  async charge(microcents: bigint, key: string): Promise<string> {
    if (!this.charges.has(key)) this.charges.set(key, microcents);
    if (this.charges.size === 2) throw new Error("socket hang up");
    return `ch_${this.charges.size}`;
  },
};

// #region setup
import { AP2AlreadyConsumed, AP2GuardCommitUncertain, guard, paymentAuthority, recover } from "@imprest/ap2";

const records = sqliteRecordStore(file); // one record a mandate: who writes the claim, pays
const budget = embedded.authority({ tenant: "acme", records }); // or a CyclesAuthority: nothing else changes
// #endregion

// #region guard
const pay = guard(
  budget,
  { tenant: "acme", agent: "checkout-bot", runId: "run_1" },
  async (payment) => {
    const reference = await psp.charge(payment.microcents, payment.pspIdempotencyKey);
    await payment.charged({ reference }); // from here on it is known: committed whatever happens next
    return reference;
  },
  { onSettlement: ({ status, receipt }) => console.log(status, receipt?.psp_ref) }, // committed ch_1
);

const mandate = { transactionId: "order-1", amountValue: "199.00", currency: "USD", payeeWebsite: "merchant.example" };
console.log(await pay(mandate)); // ch_1
// #endregion

assert.equal(psp.charges.size, 1);

// #region again
const again = await pay(mandate).catch((error: unknown) => error);
console.log(AP2AlreadyConsumed.isInstance(again)); // true: the body did not run, nothing was charged
// #endregion

assert.ok(AP2AlreadyConsumed.isInstance(again));
assert.equal(psp.charges.size, 1);

// #region unclear
const unclear = await pay({ ...mandate, transactionId: "order-2" }).catch((error: unknown) => error);
console.log(AP2GuardCommitUncertain.isInstance(unclear) && unclear.errorCode); // PSP_OUTCOME_UNKNOWN: held, not released
// #endregion

assert.ok(AP2GuardCommitUncertain.isInstance(unclear) && unclear.errorCode === "PSP_OUTCOME_UNKNOWN");

const { reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(reserved, usd("199").amount);
const abandonedAfterMs = 0;

// #region recover
const { settled, released, unresolved } = await recover(budget, {
  abandonedAfterMs, // two minutes by default: how long a worker may be silent before it counts as dead
  lookupCharge: async ({ pspIdempotencyKey }) => {
    const amount = psp.charges.get(pspIdempotencyKey); // with Stripe: a list or a search by your metadata
    return amount === undefined ? { status: "none" } : { status: "charged", amount };
  },
});
console.log({ settled, released, unresolved }); // { settled: 1, released: 0, unresolved: 0 }
// #endregion

assert.deepEqual({ settled, released, unresolved }, { settled: 1, released: 0, unresolved: 0 });
const { spent, reserved: held } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(spent, usdMicrocents([...psp.charges.values()].reduce((sum, one) => sum + one, 0n)).amount);
assert.equal(held, 0n);
await paymentAuthority(budget).idle();
await records.close?.();
await embedded.close();
