import { type Payment, paymentAuthority, recover, withReservation } from "@imprest/ap2";
import { type RecordStore, memoryRecordStore, settlementQueue, systemClock, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createManualClock } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { becomeOtherProcess, collect, makeMandate, makeTerms } from "./support/harness.ts";

const dollar = 100_000_000n;

/** A payment of $100 in parts, over an authority in this process. */
async function openShop() {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1000") });
  const records: RecordStore = memoryRecordStore();
  const authorityAt = (aheadMs = 0) =>
    embedded.authority({
      tenant: "acme",
      records,
      ...(aheadMs > 0 && { clock: createManualClock(systemClock.now() + aheadMs) }),
    });
  const worker = authorityAt();
  return {
    records,
    worker,
    authorityAt,
    pay: (body: (payment: Payment) => unknown): Promise<unknown> =>
      withReservation(worker, makeTerms({ mandate: makeMandate({ amountValue: "100.00" }) }), body).then(
        ({ settlement }) => settlement.status,
        (error: unknown) => error,
      ),
    spent: async () =>
      (await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" })).spent / dollar,
  };
}

describe("a payment that is charged in two parts", () => {
  it.each([0, 300_000, 86_400_000])(
    "stays with its worker between them, whoever recovers with a clock that is %i ms ahead",
    async (aheadMs) => {
      const shop = await openShop();
      const settled = await shop.pay(async (payment) => {
        await payment.charged({ reference: "a", amount: 60n * dollar });
        becomeOtherProcess();
        const recovered = recover(shop.authorityAt(aheadMs), {
          abandonedAfterMs: 0,
          lookupCharge: () => ({ status: "charged", amount: 60n * dollar, reference: "a" }),
        });
        await expect(recovered).resolves.toMatchObject({ settled: 0 });
        await payment.charged({ reference: "b", amount: 40n * dollar });
      });
      expect([settled, await shop.spent()]).toEqual(["committed", 100n]);
    },
  );

  it("that was taken over all the same says so at the second, whose commit stays among the dead letters", async () => {
    const shop = await openShop();
    let second: unknown;
    await shop.pay(async (payment) => {
      await payment.charged({ reference: "a", amount: 60n * dollar });
      becomeOtherProcess();
      // As a worker of the earlier version does, which went by its own clock.
      for await (const { key, value, version } of shop.records.scan("ap2-payment:")) {
        const record = value as { readonly attempts: readonly object[] };
        const attempts = record.attempts.map((attempt) => ({ ...attempt, held: true }));
        await shop.records.replace(key, { ...record, attempts }, version);
      }
      await expect(recover(shop.authorityAt(1))).resolves.toMatchObject({ settled: 1 });
      second = await payment.charged({ reference: "b", amount: 40n * dollar }).catch((error: unknown) => error);
      expect(payment.signal.aborted).toBe(true);
    });
    expect(second).toMatchObject({ code: "ERR_AP2_CLAIM_LOST" });
    const letters = await collect(settlementQueue(paymentAuthority(shop.worker)).deadLetters.list());
    expect(letters).toMatchObject([{ kind: "refused" }]);
  });
});
