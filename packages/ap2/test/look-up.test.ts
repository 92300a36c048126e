import { AbortedError } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { type ChargeLookup, type LookupCharge, reconcile, recover, withReservation } from "@imprest/ap2";
import type { AP2GuardCommitUncertain } from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { type Harness, createHarness, makeMandate, makeTerms } from "./support/harness.ts";

const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };
const transactions = ["a", "b", "c"];
const paid: ChargeLookup = { status: "charged", amount: 10_000_000_000n };

/** Three payments whose outcome nobody knows. */
async function threeHeld(harness: Harness): Promise<void> {
  for (const transactionId of transactions) {
    const terms = makeTerms({ mandate: makeMandate({ transactionId, amountValue: "100.00" }) });
    await withReservation(harness.authority, terms, () => Promise.reject(new Error("lost"))).catch(() => {});
  }
}

/** Answers about the first payment with `answer`, and soundly about the others. */
const onlyFirst =
  (answer: () => unknown): LookupCharge =>
  ({ transactionId }) =>
    transactionId === "a" ? (answer() as ChargeLookup) : paid;

describe("an answer that is none", () => {
  it.each([
    ["undefined", () => undefined],
    ["null", () => null],
    ["text", () => "charged"],
    ["an unknown status", () => ({ status: "succeeded" })],
    ["a number as its amount", () => ({ status: "charged", amount: 10_000_000_000 })],
    ["a fraction as its amount", () => ({ status: "charged", amount: 99.5 })],
    ["text as its amount", () => ({ status: "charged", amount: "100.00" })],
    ["a negative amount", () => ({ status: "charged", amount: -5n })],
    ["an amount beyond int64", () => ({ status: "charged", amount: 1n << 70n })],
    ["a number as its reference", () => ({ status: "charged", reference: 7 })],
    ["a reference without end", () => ({ status: "charged", reference: "x".repeat(2_000) })],
    [
      "a throw",
      () => {
        throw new Error("down");
      },
    ],
    ["a rejection", () => Promise.reject(new Error("down"))],
  ])("%s stops no other payment, is reported, and a sound answer settles it later", async (_, answer) => {
    const harness = createHarness();
    await threeHeld(harness);
    const before = harness.cycles.requests("commit").length;
    const result = await recover(harness.authority, { ...soon, lookupCharge: onlyFirst(answer) });
    expect(result).toMatchObject({ settled: 2, released: 0, unresolved: 1, malformed: [] });
    expect(result.problems).toMatchObject([
      { record: expect.stringMatching(/^ap2-payment:/), error: { code: "ERR_AP2_LOOKUP" } },
    ]);
    expect(harness.cycles.requests("commit").length - before).toBe(2);
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe("ACTIVE");
    await expect(recover(harness.authority, { ...soon, lookupCharge: () => paid })).resolves.toMatchObject({
      settled: 1,
      unresolved: 0,
      problems: [],
    });
    expect(harness.cycles.spent).toBe(30_000_000_000);
  });

  it("silence ends at the deadline, and the look-up is aborted", async () => {
    const clock = createManualClock();
    const harness = createHarness({ clock });
    await threeHeld(harness);
    let heard: AbortSignal | undefined;
    const recovered = recover(harness.authority, {
      ...soon,
      lookupTimeoutMs: 1_000,
      lookupCharge(query) {
        if (query.transactionId !== "a") return paid;
        heard = query.signal;
        return new Promise(() => {});
      },
    });
    await expect.poll(() => heard).toBeDefined();
    await clock.advance(999);
    expect(heard?.aborted).toBe(false);
    await clock.advance(1);
    await expect(recovered).resolves.toMatchObject({
      settled: 2,
      unresolved: 1,
      problems: [{ error: { message: expect.stringContaining("1000 ms") } }],
    });
    expect(heard?.aborted).toBe(true);
  });

  it("a look-up that nobody limits has four seconds", async () => {
    const clock = createManualClock();
    const harness = createHarness({ clock });
    await threeHeld(harness);
    let asked = false;
    const lookupCharge = onlyFirst(() => ((asked = true), new Promise(() => {})));
    const recovered = recover(harness.authority, { ...soon, lookupCharge });
    await expect.poll(() => asked).toBe(true);
    await clock.advance(4_000);
    await expect(recovered).resolves.toMatchObject({ settled: 2, unresolved: 1 });
  });

  it("the caller's signal ends a look-up that does not answer", async () => {
    const harness = createHarness();
    await threeHeld(harness);
    const caller = new AbortController();
    const recovered = recover(harness.authority, {
      ...soon,
      signal: caller.signal,
      lookupCharge: () => (caller.abort(), new Promise(() => {})),
    });
    await expect(recovered).rejects.toThrow(AbortedError);
  });

  it("reconcile leaves the payment as it is", async () => {
    const harness = createHarness();
    const terms = makeTerms();
    const error = await withReservation(harness.authority, terms, () => Promise.reject(new Error("lost"))).catch(
      (thrown: unknown) => thrown as AP2GuardCommitUncertain,
    );
    const lookupCharge = (() => ({ status: "charged", amount: 99.5 })) as never;
    await expect(reconcile(harness.authority, error as AP2GuardCommitUncertain, { lookupCharge })).resolves.toBe(
      "unresolved",
    );
    await expect(
      reconcile(harness.authority, error as AP2GuardCommitUncertain, { lookupCharge: () => ({ status: "charged" }) }),
    ).resolves.toBe("settled");
  });
});

it("null stands for an absent amount and reference: the mandate's amount was charged", async () => {
  const harness = createHarness();
  await threeHeld(harness);
  const lookupCharge = (() => ({ status: "charged", amount: null, reference: null })) as never;
  await expect(recover(harness.authority, { ...soon, lookupCharge })).resolves.toMatchObject({
    settled: 3,
    problems: [],
  });
  expect(harness.cycles.spent).toBe(30_000_000_000);
});

it("a record that an amount of an earlier version spoiled stops no other payment", async () => {
  const harness = createHarness();
  await threeHeld(harness);
  for await (const { key, value, version } of harness.records.scan("ap2-payment:")) {
    const { attempts, ...record } = value as { readonly attempts: readonly Readonly<Record<string, string>>[] };
    if (attempts[0]?.["transactionId"] !== "a") continue;
    const spoiled = { ...attempts[0], phase: "charged", charged: { amount: "99.5" } };
    await harness.records.replace(key, { ...record, attempts: [spoiled] }, version);
  }
  const result = await recover(harness.authority, { ...soon, lookupCharge: () => paid });
  expect(result).toMatchObject({ settled: 2, unresolved: 0, malformed: [expect.stringMatching(/^ap2-payment:/)] });
});
