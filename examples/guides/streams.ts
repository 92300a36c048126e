// docs/guides/streams.md: a stream that ends, and one that its reader leaves.
import assert from "node:assert/strict";
import { usd, withReservationStream } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { model } from "./model.ts";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const authority = embedded.authority({ tenant: "acme" });
const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "demo-large" } };

// #region whole
const stream = withReservationStream(authority, request, () => model.stream("streams"), {
  spend: ({ usage }) => usage && prices.price("demo-large", usage), // the chunk that says it; the last one wins
  partial: "estimate", // what a stream that breaks off is charged
});
for await (const { text } of stream) process.stdout.write(text);
console.log((await stream.settlement).charged);
// #endregion

assert.equal(
  (await stream.settlement).charged?.amount,
  prices.price("demo-large", { prompt_tokens: 7, completion_tokens: 400 })?.amount,
);

// #region left
const left = withReservationStream(authority, request, () => model.stream("streams"), { partial: "estimate" });
for await (const { text } of left) {
  console.log(`enough: ${text}`);
  break; // the provider has worked: the estimate is committed, not released
}
console.log((await left.settlement).status);
// #endregion

const settlement = await left.settlement;
assert.equal(settlement.status, "committed");
assert.deepEqual(settlement.charged, usd("0.02"));
await embedded.close();
