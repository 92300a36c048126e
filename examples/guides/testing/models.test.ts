// #region provider
import { openTestAuthority } from "@imprest/testing";
import { createModelProvider } from "@imprest/testing/models";
import { expect, it } from "vitest";
import { ask, guarded, prices } from "./program.ts";

it("charges a question what the provider bills", async () => {
  await using test = await openTestAuthority();
  const provider = createModelProvider({ prices });
  const send = guarded(test.authority, provider.fetch); // in place of the network
  expect(await ask(send)).toBe(200);
  expect((await test.books()).spent).toEqual(provider.bill);
});
// #endregion

// #region directives
it("never charges less than the provider bills, whatever fails", async () => {
  await using test = await openTestAuthority();
  const provider = createModelProvider({ prices });
  const send = guarded(test.authority, provider.fetch);

  provider.next(
    { fault: { kind: "status", status: 429 } }, // refused, and charged nothing
    { fault: { kind: "status", status: 502, form: "bare", billed: true } }, // charged, and lost on its way
    { outputTokens: 200 }, // answered
  );
  expect([await ask(send), await ask(send), await ask(send)]).toEqual([429, 502, 200]);

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
