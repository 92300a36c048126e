// docs/guides/llm-call.md: one call, by hand: caps, what it cost, what became of it.
import assert from "node:assert/strict";
import { DeniedError, capped, usd, withReservation } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { model } from "./model.ts";

const embedded = createEmbeddedAuthority({ policy: [{ belowPercent: 50, caps: { max_tokens: 256 } }] });
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.10") });
const authority = embedded.authority({ tenant: "acme" });
const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } });
const limits: number[] = [];

// #region call
const request = { estimate: usd("0.06"), action: { kind: "llm.completion", name: "demo-large" } };

const { value, settlement } = await withReservation(
  authority,
  request,
  async (reservation) => {
    const maxTokens = capped(reservation.caps, "max_tokens", 800); // 256 once less than half of the budget would be left
    limits.push(maxTokens);
    return model.complete("streams", { signal: reservation.signal });
  },
  { honours: ["max_tokens"], spend: ({ usage }) => prices.price("demo-large", usage), partial: "estimate" },
);
console.log(value.text, settlement.status, settlement.charged);
// #endregion

assert.deepEqual(limits, [256]);
assert.equal(settlement.status, "committed");
assert.equal(settlement.charged?.amount, prices.price("demo-large", value.usage)?.amount);

const deaf = withReservation(authority, request, () => assert.fail("it ran"), { partial: "estimate" });
await assert.rejects(deaf, (error) => DeniedError.isInstance(error)); // caps that nobody honours

// #region fails
const refused = Object.assign(new Error("the provider refused the key"), { status: 401 });
const failing = withReservation(authority, request, () => Promise.reject(refused), {
  honours: ["max_tokens"],
  unspent: (error) => error === refused, // nothing was billed: the reservation is released
  partial: "estimate", // any other failure may have been billed
});
await assert.rejects(failing, { message: "the provider refused the key" }); // your error, as it was
// #endregion

await new Promise((resolve) => setTimeout(resolve, 20));
const { reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(reserved, 0n);
await embedded.close();
