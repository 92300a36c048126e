// docs/guides/payment.md: a payment that is made once, one that fails unclearly, and what a look at the PSP makes of it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usd, usdMicrocents } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

const folder = mkdtempSync(join(tmpdir(), "imprest-payment-"));
process.chdir(folder);
const prices = {}; // of the models, where the same budget pays for them

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
import { AP2AlreadyConsumed, AP2GuardCommitUncertain, guard, recover } from "@imprest/ap2";
import type { LookupCharge, Payment, PaymentOptions } from "@imprest/ap2";
import { sqliteRecordStore } from "@imprest/core/node";
import { createBudget } from "imprest";
import { sqliteStore } from "imprest/node";

const budget = createBudget({ limit: "$500", prices, store: sqliteStore({ file: "budget.sqlite" }) });
const records = sqliteRecordStore("claims.sqlite"); // one record a mandate: who writes the claim, pays
// #endregion

// #region guard
const charge = async (payment: Payment): Promise<string> => {
  await payment.charging(); // a throw before this line charged nothing: the budget is released
  const reference = await psp.charge(payment.microcents, payment.pspIdempotencyKey);
  await payment.charged({ reference }); // from here on it is known: committed whatever happens next
  return reference;
};
const options: PaymentOptions = {
  records, // without it a crash forgets who paid
  tracksCharge: true, // the body calls charging() before it charges
  onSettlement: ({ status, receipt }) => console.log(status, receipt?.psp_ref), // committed ch_1
};
const pay = guard(budget, { agent: "checkout-bot", runId: "run_1", ttlMs: 3_600_000 }, charge, options);

const mandate = { transactionId: "order-1", amountValue: "199.00", currency: "USD", payeeWebsite: "merchant.example" };
console.log(await pay(mandate)); // ch_1
// #endregion

assert.equal(psp.charges.size, 1);

// #region again
const again = await pay(mandate).catch((error: unknown) => error);
console.log(AP2AlreadyConsumed.isInstance(again) && again.phase); // settled: the body did not run, nothing was charged
// #endregion

assert.ok(AP2AlreadyConsumed.isInstance(again) && again.phase === "settled");
assert.equal(psp.charges.size, 1);

// #region unclear
const unclear = await pay({ ...mandate, transactionId: "order-2" }).catch((error: unknown) => error);
console.log(AP2GuardCommitUncertain.isInstance(unclear) && unclear.errorCode); // PSP_OUTCOME_UNKNOWN: held, not released
// #endregion

assert.ok(AP2GuardCommitUncertain.isInstance(unclear) && unclear.errorCode === "PSP_OUTCOME_UNKNOWN");
assert.deepEqual((await budget.balance()).reserved, usd("199"));

// #region recover
const lookupCharge: LookupCharge = async ({ pspIdempotencyKey }) => {
  const amount = psp.charges.get(pspIdempotencyKey); // with Stripe: stripeLookupCharge(stripe) is all of it
  return amount === undefined ? { status: "none" } : { status: "charged", amount };
};
const { settled, released, unresolved, problems } = await recover(budget, { records, lookupCharge });
console.log({ settled, released, unresolved, problems }); // { settled: 1, released: 0, unresolved: 0, problems: [] }
// #endregion

assert.deepEqual({ settled, released, unresolved, problems }, { settled: 1, released: 0, unresolved: 0, problems: [] });
const { spent, reserved } = await budget.balance();
assert.deepEqual(spent, usdMicrocents([...psp.charges.values()].reduce((sum, one) => sum + one, 0n)));
assert.equal(reserved.amount, 0n);

const embedded = createEmbeddedAuthority(); // stands in for a server of your own
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("500") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 });
const baseUrl = server.url;

// #region server
import { CyclesAuthority } from "@imprest/cycles";

const shared = new CyclesAuthority({ baseUrl, apiKey, subject: { tenant: "acme" } }, { records });
const payShared = guard(shared, { tenant: "acme", agent: "checkout-bot", runId: "run_1" }, charge, options);
console.log(await payShared({ ...mandate, transactionId: "order-3" })); // ch_3
// #endregion

const books = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual([books.spent, books.reserved], [usd("199").amount, 0n]);
await server.close();
await embedded.close();
await Promise.all([budget.close(), records.close?.()]);
process.chdir("/");
rmSync(folder, { recursive: true });
