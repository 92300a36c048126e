import { memoryRecordStore, openReservation, usd } from "@imprest/core";
import { expect, it } from "vitest";
import { createBudget } from "../../src/budget/create-budget.ts";
import { rememberingOpenCalls, settleOpenCalls } from "../../src/cli/gateway/open-calls.ts";

it("commits as estimates exactly the calls that a killed run had left open", async () => {
  const budget = createBudget({ limit: usd("1.00"), prices: {} });
  const records = memoryRecordStore();
  const authority = rememberingOpenCalls(budget, records);
  const request = { estimate: usd("0.10"), action: { kind: "llm.completion", name: "gpt-5" } };
  const settled = await openReservation(authority, request);
  const released = await openReservation(authority, request);
  await openReservation(authority, request);
  await settled.commit(usd("0.02"));
  await released.release("unused");
  await budget.flush();

  expect(await settleOpenCalls(budget.authority, records)).toBe(1);
  const { spent, reserved } = await budget.balance();
  expect({ spent, reserved }).toEqual({ spent: usd("0.12"), reserved: usd(0) });
  expect(await settleOpenCalls(budget.authority, records)).toBe(0);
  await budget.close();
});
