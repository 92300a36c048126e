// #region first
import { openTestAuthority } from "@imprest/testing";
import { createModelProvider } from "@imprest/testing/models";
import { connectBudget } from "imprest";
import { expect, it } from "vitest";
import { ask, prices } from "./agent.ts";

it("charges a question what the provider bills", async () => {
  await using test = await openTestAuthority({ limit: "$1.00" });
  const provider = createModelProvider({ prices });
  const budget = connectBudget(test.authority, { prices, fetch: provider.fetch }); // in place of the network
  expect(await ask(budget)).toBe(200);
  expect((await test.books()).spent).toEqual(provider.bill);
});

it("sends no question that the budget does not cover", async () => {
  await using test = await openTestAuthority({ limit: "$0.001" });
  const provider = createModelProvider({ prices });
  expect(await ask(connectBudget(test.authority, { prices, fetch: provider.fetch }))).toBe(402);
  expect(provider.calls).toEqual([]);
});
// #endregion

// #region directives
it("never charges less than the provider bills, whatever fails", async () => {
  await using test = await openTestAuthority();
  const provider = createModelProvider({ prices });
  const budget = connectBudget(test.authority, { prices, fetch: provider.fetch });

  provider.next(
    { fault: { kind: "status", status: 429 } }, // refused, and charged nothing
    { fault: { kind: "status", status: 502, form: "bare", billed: true } }, // charged, and lost on its way
    { outputTokens: 200 }, // answered
  );
  expect([await ask(budget), await ask(budget), await ask(budget)]).toEqual([429, 502, 200]);

  const { spent, reserved } = await test.books();
  expect(spent.amount).toBeGreaterThanOrEqual(provider.bill.amount);
  expect(reserved.amount).toBe(0n);
  expect(provider.calls.map(({ state, counts }) => [state, counts.output])).toEqual([
    ["refused", 0],
    ["refused", 14], // its answer never arrived
    ["answered", 200],
  ]);
});
// #endregion
