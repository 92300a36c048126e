// #region books
import { openTestAuthority } from "@imprest/testing";
import { expect, it } from "vitest";
import { answer, costOfAnswer } from "./program.ts";

it("charges an answer what it cost", async () => {
  await using test = await openTestAuthority({ limit: "$1.00" });
  expect(await answer(test.authority)).toBe("42");
  expect(await test.books()).toMatchObject({ spent: costOfAnswer, reserved: { amount: 0n } });
});
// #endregion

// #region denied
it("does not answer what the budget does not cover", async () => {
  await using test = await openTestAuthority({ limit: "$0.05" });
  await expect(answer(test.authority)).rejects.toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
});

it("does not answer on a frozen budget", async () => {
  await using test = await openTestAuthority();
  await test.embedded.budgets.freeze({ scope: { tenant: "test" }, unit: "USD_MICROCENTS" });
  await expect(answer(test.authority)).rejects.toMatchObject({ reasonCode: "BUDGET_FROZEN" });
});
// #endregion

// #region clock
it("keeps its reservation while the model thinks for a minute, and leaves no timer behind", async () => {
  const test = await openTestAuthority();
  const think = async (): Promise<string> => {
    await test.clock.advance(60_000); // in no time; the reservation was to last ten seconds
    return "42";
  };
  await answer(test.authority, think);
  expect(await test.books()).toMatchObject({ spent: costOfAnswer, reserved: { amount: 0n } });
  await test.close();
  expect(test.clock.timers).toBe(0);
});
// #endregion
