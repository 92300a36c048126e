import { memoryRecordStore, settlementQueue, usd } from "@imprest/core";
import {
  AP2AlreadyConsumed,
  AP2DryRunResult,
  AP2GuardDenied,
  AP2PaymentDeclined,
  type Payment,
  type PaymentOptions,
  type PaymentSettlement,
  guard,
  guardRefund,
  paymentAuthority,
  recover,
  withReservation,
} from "@imprest/ap2";
import { createEmbeddedAuthority } from "@imprest/embedded";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CountingPsp } from "./support/counting-psp.ts";
import { becomeOtherProcess, killWorkers, makeMandate, makeTerms } from "./support/harness.ts";

// Payments out of the same budget as every other call, with no server: the authority is in this process.

async function open(allocated = "1000") {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd(allocated) });
  const records = memoryRecordStore();
  // Two of them are two workers of one store.
  const worker = () => embedded.authority({ tenant: "acme", records });
  const books = async () => {
    const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    return { spent, reserved };
  };
  return { embedded, records, budget: worker(), worker, books };
}

const dollars = (value: number): bigint => BigInt(value) * 100_000_000n;
const terms = makeTerms({ mandate: makeMandate({ amountValue: "100.00" }) });
const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };

describe("guard over an authority in this process", () => {
  it("pays once a mandate, out of the budget that model calls spend too", async () => {
    const { budget, books } = await open();
    const psp = new CountingPsp();
    const settlements: PaymentSettlement[] = [];
    const pay = guard(
      budget,
      { runId: "run_1", tenant: "acme" },
      (payment) => payment.charged({ reference: psp.charge(payment) }),
      { onSettlement: (settlement) => settlements.push(settlement) },
    );
    await pay(terms.mandate);
    await expect(pay(terms.mandate)).rejects.toThrow(AP2AlreadyConsumed);
    expect(psp.total).toBe(dollars(100));
    expect(await books()).toEqual({ spent: dollars(100), reserved: 0n });
    expect(settlements).toMatchObject([
      { status: "committed", receipt: { amount_micros: dollars(100), psp_ref: "ch_1" } },
    ]);
  });

  it("is denied by a budget that does not cover it, and nothing is charged", async () => {
    const { budget, books } = await open("99");
    const error = await failureOf(withReservation(budget, terms, () => expect.fail("ran")));
    expect(AP2GuardDenied.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
  });

  it("gives back what was declined, and the next attempt has another PSP key", async () => {
    const { budget, books } = await open();
    const keys: string[] = [];
    const pay = (body: (payment: Payment) => unknown): Promise<unknown> =>
      failureOf(withReservation(budget, terms, (payment) => (keys.push(payment.pspIdempotencyKey), body(payment))));
    await pay(() => {
      throw new AP2PaymentDeclined("no");
    });
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
    await pay(() => {});
    expect(keys[1]).toBe(`${keys[0]}:e1`);
    expect(await books()).toEqual({ spent: dollars(100), reserved: 0n });
  });

  it("holds what nobody knows, and recovery settles it by what the payment service says", async () => {
    const { budget, worker, books } = await open();
    await failureOf(withReservation(budget, terms, () => Promise.reject(new Error("lost"))));
    expect(await books()).toEqual({ spent: 0n, reserved: dollars(100) });
    const lookupCharge = () => ({ status: "charged", amount: dollars(90) }) as const;
    await expect(recover(worker(), { lookupCharge })).resolves.toMatchObject({ settled: 1 });
    await expect(recover(worker(), { lookupCharge })).resolves.toMatchObject({ settled: 0 });
    expect(await books()).toEqual({ spent: dollars(90), reserved: 0n });
  });

  it("finds the reservation of a worker that died before it noted it, and gives it back", async () => {
    const { budget, records, worker, books } = await open();
    void withReservation(budget, terms, () => new Promise(() => {}), { tracksCharge: true });
    await expect.poll(async () => (await books()).reserved).toBe(dollars(100));
    await new Promise((resolve) => setTimeout(resolve, 10));
    becomeOtherProcess();
    // It lives, and its lease says so.
    await expect(recover(worker(), soon)).resolves.toMatchObject({ released: 0, unresolved: 1 });
    await killWorkers(records);
    await expect(recover(worker(), soon)).resolves.toMatchObject({ released: 1 });
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
  });

  it("asks without reserving, refunds, and keeps what a commit refuses for an operator", async () => {
    const { budget, books } = await open();
    expect(await failureOf(withReservation(budget, { ...terms, dryRun: true }, () => {}))).toBeInstanceOf(
      AP2DryRunResult,
    );
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
    await withReservation(budget, terms, () => {});
    await guardRefund(budget, { ...terms, refund: { number: 1, amount: dollars(10) } }, () => {});
    const over = { ...terms, mandate: makeMandate({ transactionId: "over", amountValue: "1.00" }) };
    const error = await failureOf(withReservation(budget, over, (payment) => payment.charged({ amount: dollars(2) })));
    expect(error).toMatchObject({ code: "ERR_AP2_COMMIT_FAILED" });
    const letters: unknown[] = [];
    for await (const letter of settlementQueue(paymentAuthority(budget)).deadLetters.list()) letters.push(letter);
    expect(letters).toMatchObject([{ kind: "refused", spent: { amount: dollars(2) } }]);
    expect((await books()).spent).toBe(dollars(100));
  });

  it("refuses to search an authority that does not list its reservations, before anything is charged", async () => {
    const { budget, books } = await open();
    const paid = withReservation(budget, terms, () => expect.fail("ran"), { searchAuthority: true });
    await expect(paid).rejects.toThrow(/searchAuthority/);
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
  });
});

const step = fc.record({
  mode: fc.constantFrom("charge", "lose", "decline", "abort", "throw-before"),
  tracksCharge: fc.boolean(),
  recovers: fc.boolean(),
});

it("at most one charge a mandate, and books that equal the payment service, whatever bodies and recoveries do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      const { worker, books } = await open();
      const psp = new CountingPsp({ honoursKeys: true });
      const lookupCharge = ({ pspIdempotencyKey }: { readonly pspIdempotencyKey: string }) =>
        psp.charges.some(({ key }) => key === pspIdempotencyKey)
          ? ({ status: "charged" } as const)
          : ({ status: "none" } as const);
      const pay = (mode: string, options: PaymentOptions): Promise<unknown> =>
        failureOf(
          withReservation(
            worker(),
            terms,
            async (payment) => {
              if (mode === "throw-before") throw new Error("before");
              if (mode === "decline") throw new AP2PaymentDeclined("no");
              if (mode === "abort") return payment.abort("no");
              await payment.charging();
              const reference = psp.charge(payment);
              if (mode === "lose") throw new Error("lost");
              return payment.charged({ reference });
            },
            options,
          ),
        );
      for (const { mode, tracksCharge, recovers } of steps) {
        await pay(mode, { tracksCharge });
        if (recovers) await recover(worker(), { ...soon, lookupCharge });
      }
      await recover(worker(), { ...soon, lookupCharge });
      await pay("charge", {});
      expect(psp.charges).toHaveLength(1);
      expect(await books()).toEqual({ spent: psp.total, reserved: 0n });
    }),
    { numRuns: 100 },
  );
});
