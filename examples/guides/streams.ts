// docs/guides/streams.md: a stream that ends, one that its reader leaves, two that fail, one that nobody reads on.
import assert from "node:assert/strict";
// #region setup
import { guardStream, settlementQueue, usd, withReservationStream } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { createBudget } from "imprest";
import { model } from "./model.ts";

const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } });
const budget = createBudget({ limit: "$1.00", prices });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "demo-large" } };
// #endregion

// #region whole
const stream = withReservationStream(budget, request, () => model.stream("streams"), {
  spend: ({ usage }) => usage && prices.price("demo-large", usage), // the chunk that says it; the last one wins
  partial: "estimate", // what a stream that ends early is charged
});
for await (const { text } of stream) process.stdout.write(text);
console.log((await stream.settlement).charged);
// #endregion

assert.equal(
  (await stream.settlement).charged?.amount,
  prices.price("demo-large", { prompt_tokens: 7, completion_tokens: 400 })?.amount,
);

// #region left
const left = withReservationStream(budget, request, () => model.stream("streams"), { partial: "estimate" });
for await (const { text } of left) {
  console.log(`enough: ${text}`);
  break; // the provider has worked: the estimate is committed, not released
}
console.log((await left.settlement).status, (await left.settlement).basis); // committed estimate
// #endregion

assert.deepEqual((await left.settlement).charged, usd("0.02"));
assert.equal((await left.settlement).status, "committed");
assert.equal((await left.settlement).basis, "estimate");

const refused = Object.assign(new Error("too many requests"), { status: 429 });
const isRefusal = (error: unknown): boolean => error === refused;
const provider = {
  async *stream(prompt: string) {
    if (prompt === "too often") throw refused;
    let words = 0;
    for await (const chunk of model.stream(prompt)) {
      if (words === 2) throw new Error("the connection was reset");
      words += 1;
      yield chunk;
    }
  },
};
async function readAll(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of chunks);
}

// #region failed
const ask = guardStream(budget, request, (_reservation, prompt: string) => provider.stream(prompt), {
  spend: ({ usage }) => usage && prices.price("demo-large", usage),
  unspent: isRefusal, // the provider refused before it worked: released
  partial: (seen) => {
    const generous = { prompt_tokens: 7, completion_tokens: 400 + 4 * seen.length }; // it may have worked ahead
    return prices.price("demo-large", generous);
  },
});
// #endregion

const tooOften = ask("too often");
await assert.rejects(readAll(tooOften), { message: "too many requests" });
assert.equal((await tooOften.settlement).status, "released");
const broken = ask("streams");
await assert.rejects(readAll(broken), { message: "the connection was reset" });
assert.equal((await broken.settlement).basis, "estimate");
assert.deepEqual(
  (await broken.settlement).charged,
  prices.price("demo-large", { prompt_tokens: 7, completion_tokens: 408 }),
);

const alive = setTimeout(() => {}, 60_000); // a server listens meanwhile; this script has nothing else to wait for

// #region idle
const idle = withReservationStream(budget, request, () => model.stream("streams"), {
  partial: "estimate",
  idleMs: 50, // five minutes by default
});
const reader = idle[Symbol.asyncIterator]();
await reader.next(); // one chunk, and nobody asks for the next
console.log((await idle.settlement).status); // committed
await assert.rejects(reader.next(), { name: "TimeoutError" }); // if the reader comes back after all
// #endregion

clearTimeout(alive);
assert.equal((await idle.settlement).basis, "estimate");
assert.deepEqual((await idle.settlement).charged, usd("0.02"));
for await (const { kind } of settlementQueue(budget).deadLetters.list()) assert.fail(kind);
const { reserved } = await budget.balance();
assert.equal(reserved.amount, 0n);
await budget.close();
