// docs/guides/llm-call.md: one call, by hand: caps, what it cost, what became of it when something failed.
import assert from "node:assert/strict";
// #region setup
import { DeniedError, SpendUnknownError, capped, settlementQueue, usd, withReservation } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { createBudget } from "imprest";
import { type Answer, model } from "./model.ts";

const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } });
const policy = [{ belowPercent: 75, caps: { max_tokens: 256 } }]; // answers are short once a quarter of the money is gone
const budget = createBudget({ limit: "$0.20", prices, policy });
// #endregion
const limits: number[] = [];

// #region call
const request = { estimate: usd("0.06"), action: { kind: "llm.completion", name: "demo-large" } };

/** What a provider refuses with before it works: it bills nothing for these. */
const refusals: readonly unknown[] = [400, 401, 403, 404, 422, 429];

const options = {
  honours: ["max_tokens"],
  spend: ({ usage }: Answer) => prices.price("demo-large", usage),
  unspent: (error: unknown) => error instanceof Error && "status" in error && refusals.includes(error.status),
  partial: "estimate", // any other failure may have been billed
} as const;

const { value, settlement } = await withReservation(
  budget,
  request,
  async (reservation) => {
    const maxTokens = capped(reservation.caps, "max_tokens", 800); // 256 once less than 75 % of the budget would be left
    limits.push(maxTokens);
    return model.complete("streams", { signal: reservation.signal });
  },
  options,
);
console.log(value.text, settlement.status, settlement.charged);
// #endregion

const cost = prices.price("demo-large", value.usage).amount;
assert.deepEqual(limits, [256]);
assert.equal(settlement.status, "committed");
assert.equal(settlement.charged?.amount, cost);

const deaf = withReservation(budget, request, () => assert.fail("it ran"), { partial: "estimate" });
await assert.rejects(deaf, (error) => DeniedError.isInstance(error)); // caps that nobody honours

// #region refused
const refused = Object.assign(new Error("the provider refused the key"), { status: 401 });
const failing = withReservation(budget, request, () => Promise.reject(refused), options);
await assert.rejects(failing, { message: "the provider refused the key" }); // your error, as it was
// #endregion

await settlementQueue(budget).flush({ timeoutMs: 1_000 });
assert.equal((await budget.balance()).reserved.amount, 0n);
assert.equal((await budget.balance()).spent.amount, cost);

// #region parsed
const parsing = withReservation(
  budget,
  request,
  async ({ signal, spend }) => {
    const { text, usage } = await model.complete("streams", { signal });
    spend(prices.price("demo-large", usage)); // stated before anything of yours can fail
    return JSON.parse(text) as object; // throws; the answer is paid for all the same
  },
  { ...options, spend: undefined },
);
await assert.rejects(parsing, SyntaxError);
// #endregion

assert.equal((await budget.balance()).reserved.amount, 0n);
assert.equal((await budget.balance()).spent.amount, 2n * cost);

// #region cached
const cached = await withReservation(
  budget,
  request,
  ({ unspent }) => {
    unspent(); // the provider was not asked
    return "an answer out of the cache";
  },
  { honours: ["max_tokens"] },
);
console.log(cached.value, cached.settlement.status); // released
// #endregion

assert.equal(cached.settlement.status, "released");
assert.equal((await budget.balance()).reserved.amount, 0n);

// #region unknown
const silent = withReservation(budget, request, () => "precious", { honours: ["max_tokens"] });
const unknown = await silent.catch((error: unknown) => error);
if (SpendUnknownError.isInstance(unknown)) console.log(unknown.value); // precious
// #endregion

assert.ok(SpendUnknownError.isInstance(unknown) && unknown.value === "precious");
const kinds: string[] = [];
for await (const { kind } of settlementQueue(budget).deadLetters.list()) kinds.push(kind);
assert.deepEqual(kinds, ["spend-unknown"]);
await budget.close();
