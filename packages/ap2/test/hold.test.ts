import { memoryRecordStore, settlementQueue } from "@imprest/core";
import { type PaymentTerms, AP2GuardDenied, guard, paymentAuthority, recover } from "@imprest/ap2";
import { CyclesAuthority } from "@imprest/cycles";
import { openTestAuthority } from "@imprest/testing";
import { afterEach, describe, expect, it } from "vitest";
import { collect, makeMandate } from "./support/harness.ts";

// A payment of which nobody knows keeps its budget until somebody knows, though its worker does nothing for it any more.

const dollars = (value: number): bigint => BigInt(value) * 100_000_000n;
const microcents = (amount: bigint) => ({ unit: "USD_MICROCENTS", amount });
const minuteMs = 60_000;
const charged = { lookupCharge: () => ({ status: "charged" as const }) };

type Test = Awaited<ReturnType<typeof openTestAuthority>>;
const opened: Test[] = [];
afterEach(async () => {
  for (const test of opened.splice(0)) await test.close();
});

/** Orders of $199 against a limit of $200, of whose first the payment service's answer is lost. */
async function openShop(how: "in process" | "served", terms: Partial<PaymentTerms> = {}) {
  const test = await openTestAuthority({ limit: "$200" });
  opened.push(test);
  const { clock, connection } = test;
  const tenant = "test";
  const records = memoryRecordStore();
  const authority =
    how === "in process"
      ? test.embedded.authority({ tenant, clock, records })
      : new CyclesAuthority({ ...connection, subject: { tenant } }, { records, clock });
  const psp: string[] = [];
  const pay = guard(authority, { tenant, runId: "run_1", ...terms }, async (payment) => {
    psp.push(payment.pspIdempotencyKey);
    if (psp.length === 1) throw new Error("socket hang up");
    await payment.charged({ reference: "ch_2" });
  });
  const order = (transactionId: string): Promise<unknown> =>
    pay(makeMandate({ transactionId, checkoutHash: undefined })).catch((error: unknown) => error);
  const letters = () => collect(settlementQueue(paymentAuthority(authority)).deadLetters.list());
  return { test, clock, authority, psp, order, letters, books: () => test.books() };
}

describe.each(["in process", "served"] as const)("a held payment over an authority that is %s", (how) => {
  it.each([10, 12 * 60])("keeps its budget for %d minutes, and the late answer books it once", async (minutes) => {
    const { clock, authority, psp, order, letters, books } = await openShop(how);
    expect(await order("order-1")).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    await clock.advance(minutes * minuteMs);
    expect(await books()).toMatchObject({ reserved: microcents(dollars(199)), spent: microcents(0n) });
    expect(AP2GuardDenied.isInstance(await order("order-2"))).toBe(true);
    expect(await letters()).toMatchObject([{ reason: expect.stringContaining("recover(authority") }]);
    expect(await recover(authority, charged)).toMatchObject({ settled: 1, unresolved: 0, problems: [] });
    expect(await recover(authority, charged)).toMatchObject({ settled: 0, unresolved: 0 });
    expect(await books()).toMatchObject({ reserved: microcents(0n), spent: microcents(dollars(199)) });
    expect([psp.length, await letters()]).toEqual([1, []]);
  });

  it("is given back ten minutes later when the payment service knows of no charge", async () => {
    const { clock, authority, order, books } = await openShop(how);
    await order("order-1");
    const none = { lookupCharge: () => ({ status: "none" as const }) };
    await clock.advance(9 * minuteMs);
    expect(await recover(authority, none)).toMatchObject({ released: 0, unresolved: 1 });
    await clock.advance(2 * minuteMs);
    expect(await recover(authority, none)).toMatchObject({ released: 1, unresolved: 0 });
    expect(await books()).toMatchObject({ reserved: microcents(0n), spent: microcents(0n) });
  });

  it("is one dead letter and one problem when its hold ran out after all and the budget is used up", async () => {
    const { clock, authority, order, letters } = await openShop(how);
    await order("order-1");
    await clock.advance(25 * 60 * minuteMs);
    expect(await order("order-2")).toBeUndefined();
    for (let round = 0; round < 2; round += 1) {
      const { unresolved, problems } = await recover(authority, charged);
      expect(unresolved).toBe(1);
      expect(problems).toMatchObject([{ error: { code: "ERR_AP2_COMMIT_UNCERTAIN" } }]);
      expect(await letters()).toMatchObject([{ kind: "refused", spent: microcents(dollars(199)) }]);
    }
  });
});

describe("what recover says of a payment", () => {
  it("names the reason for each that is unresolved, also when nobody could be asked", async () => {
    const { authority, order } = await openShop("in process");
    await order("order-1");
    const { problems } = await recover(authority);
    expect(problems).toMatchObject([{ error: { message: expect.stringContaining("lookupCharge") } }]);
  });

  it.each(["ALLOW_WITH_OVERDRAFT", "ALLOW_IF_AVAILABLE"] as const)(
    "names the part of a charge that %s left out of the books",
    async (overagePolicy) => {
      const { clock, authority, order, books } = await openShop("in process", { overagePolicy });
      await order("order-1");
      await clock.advance(25 * 60 * minuteMs);
      await order("order-2");
      const { settled, problems } = await recover(authority, charged);
      const { spent } = await books();
      expect([settled, spent]).toEqual([1, microcents(dollars(200))]);
      expect(problems).toMatchObject([{ error: { message: expect.stringContaining(String(dollars(198))) } }]);
    },
  );
});

describe("what goes with a commit", () => {
  it.each<[string, readonly string[]]>([
    ["one reference of 17,000 characters", ["x".repeat(17_000)]],
    ["twenty references of 1,000 characters", Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(1_000, "é"))],
  ])("is small enough to be booked: %s", async (_, references) => {
    const { authority, books } = await openShop("in process");
    const pay = guard(authority, { tenant: "test", runId: "run_1" }, async (payment) => {
      for (const reference of references) await payment.charged({ reference, amount: 1n }).catch(() => {});
      payment.attachReceiptFields({ note: "n".repeat(8_000) });
    });
    await pay(makeMandate());
    expect(await books()).toMatchObject({ spent: microcents(BigInt(references.length)) });
  });

  it("refuses receipt fields above their bound, and keeps those before them", async () => {
    const { authority, books } = await openShop("in process");
    const refusals: string[] = [];
    const pay = guard(authority, { tenant: "test", runId: "run_1" }, (payment) => {
      payment.attachReceiptFields({ note: "kept" });
      try {
        payment.attachReceiptFields({ more: "n".repeat(17_000) });
      } catch (error) {
        refusals.push(String(error));
      }
    });
    await pay(makeMandate());
    expect(refusals).toMatchObject([expect.stringMatching(/8192 bytes in all, and these are 170\d\d/)]);
    expect(await books()).toMatchObject({ spent: microcents(dollars(199)) });
  });
});
