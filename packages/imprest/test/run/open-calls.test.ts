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

  expect(await settleOpenCalls(budget.authority, records)).toEqual({ booked: 1, refused: 0 });
  const { spent, reserved } = await budget.balance();
  expect({ spent, reserved }).toEqual({ spent: usd("0.12"), reserved: usd(0) });
  expect(await settleOpenCalls(budget.authority, records)).toEqual({ booked: 0, refused: 0 });
  await budget.close();
});

it.each([
  ["committed", usd("0.02")],
  ["released", usd(0)],
])("counts no call as booked that was %s before the run was killed", async (end, spent) => {
  const budget = createBudget({ limit: usd("1.00"), prices: {} });
  const records = memoryRecordStore();
  const authority = rememberingOpenCalls(budget, records);
  const request = { estimate: usd("0.10"), action: { kind: "llm.completion", name: "gpt-5" } };
  const call = await openReservation(authority, request);
  const record = await records.read(call.id);
  await (end === "committed" ? call.commit(usd("0.02")) : call.release("unused"));
  await budget.flush();
  // The run was killed when the books had the end of the call, and its record still stood.
  await records.create(record?.key ?? "", record?.value ?? null);

  expect(await settleOpenCalls(budget.authority, records)).toEqual({ booked: 0, refused: 1 });
  expect((await budget.balance()).spent).toEqual(spent);
  expect(await settleOpenCalls(budget.authority, records)).toEqual({ booked: 0, refused: 0 });
  await budget.close();
});
