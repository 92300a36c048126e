import { AspClient } from "@imprest/asp";
import { openReservation, tokens, usd, withReservation } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { openTestAuthority } from "@imprest/testing";
import { expect, it } from "vitest";

const request = { estimate: usd("0.10"), action: { kind: "llm.completion" } };

it("a guarded call is in the books of the test's authority", async () => {
  await using test = await openTestAuthority({ limit: "$1.00" });
  await withReservation(test.authority, request, () => "done", { spend: () => usd("0.07") });
  expect(await test.books()).toEqual({ spent: usd("0.07"), reserved: usd(0), remaining: usd("0.93") });
});

it("a call that the limit does not cover is denied", async () => {
  await using test = await openTestAuthority({ limit: usd("0.05") });
  await expect(openReservation(test.authority, request)).rejects.toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
});

it("a client of Cycles and a client of ASP reach the same books with no port", async () => {
  await using test = await openTestAuthority({ limit: tokens(1_000) });
  const cycles = new CyclesClient({ ...test.connection, subject: { tenant: "test" } });
  await withReservation(cycles, { ...request, estimate: tokens(100) }, () => "done", { spend: () => tokens(70) });
  const asp = new AspClient(test.connection);
  const claim = { budgetId: "tenant:test", unit: "TOKENS", amountAtomic: 100n };
  const { reservationId = "" } = await asp.reserve({ claim });
  await asp.commit({ reservationId, amountAtomicObserved: 40n });
  expect(await test.books()).toEqual({ spent: tokens(110), reserved: tokens(0), remaining: tokens(890) });
});

it("a reservation that nobody settles ends on the test's clock, and closing leaves no timer behind", async () => {
  const test = await openTestAuthority({ tenant: "acme" });
  const asp = new AspClient(test.connection);
  await asp.reserve({ claim: { budgetId: "tenant:acme", unit: "USD_MICROCENTS", amountAtomic: usd("0.10").amount } });
  expect((await test.books()).reserved).toEqual(usd("0.10"));
  await test.clock.advance(86_400_000);
  expect((await test.books()).reserved).toEqual(usd(0));
  await test.close();
  expect(test.clock.timers).toBe(0);
});
