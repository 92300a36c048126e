import { guardRefund, recover, withReservation } from "@imprest/ap2";
import { type RecordStore, memoryRecordStore } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { type Harness, createHarness, killWorkers, makeTerms, otherWorker } from "./support/harness.ts";

/** A store that fails at writes of a commit, or of what became of it. */
function failing(records: RecordStore, times: number): RecordStore {
  let left = times;
  return {
    ...records,
    replace(key, value, version) {
      const { attempts } = value as {
        readonly attempts: readonly { readonly commit?: unknown; readonly outcome?: unknown }[];
      };
      const isOfCommit = attempts.some(({ commit, outcome }) => commit !== undefined || outcome !== undefined);
      if (isOfCommit && left-- > 0) return Promise.reject(new Error("The store is gone."));
      return records.replace(key, value, version);
    },
  };
}

const refundAll = (harness: Harness): Promise<unknown> =>
  guardRefund(
    otherWorker(harness),
    { ...makeTerms(), refund: { number: 1, amount: 19_900_000_000n } },
    () => "refunded",
  ).then(({ value }) => value);

describe("a payment whose body stated no charge, and whose commit was not written down", () => {
  it("can be refunded whole when one write failed", async () => {
    const records = memoryRecordStore();
    const harness = createHarness({ records: failing(records, 1) });
    await withReservation(harness.authority, makeTerms(), () => "ch_1");
    await new Promise((resolve) => setTimeout(resolve, 10));
    await expect(refundAll({ ...harness, records })).resolves.toBe("refunded");
  });

  it("can be refunded whole when its worker died there, once it is recovered", async () => {
    const records = memoryRecordStore();
    const harness = createHarness({ records: failing(records, Infinity) });
    await withReservation(harness.authority, makeTerms(), () => "ch_1");
    await killWorkers(records);
    const again = { ...harness, records };
    await expect(recover(otherWorker(again), { abandonedAfterMs: 0 })).resolves.toMatchObject({ settled: 1 });
    await expect(refundAll(again)).resolves.toBe("refunded");
    expect(harness.cycles.spent).toBe(19_900_000_000);
  });
});

describe("a second charge that was prepared and noted, and not stated", () => {
  const dollars = (amount: number): bigint => BigInt(amount) * 100_000_000n;

  it.each([
    ["charged", 100],
    ["declined", 60],
    ["none", 60],
  ] as const)("is asked for when its body died: %s books %i dollars", async (status, booked) => {
    const harness = createHarness();
    const asked: unknown[] = [];
    const held = withReservation(harness.authority, makeTerms(), async (payment) => {
      await payment.charging({ reference: "pi_a" });
      await payment.charged({ reference: "pi_a", amount: dollars(60) });
      await payment.charging({ reference: "pi_b" });
      await payment.charging({ reference: "pi_a" });
      throw new Error("lost");
    });
    await expect(held).rejects.toMatchObject({ code: "ERR_AP2_COMMIT_UNCERTAIN" });
    const recovered = recover(otherWorker(harness), {
      abandonedAfterMs: 0,
      absentAfterMs: 0,
      lookupCharge({ reference }) {
        asked.push(reference);
        return status === "charged" ? { status, amount: dollars(40) } : { status };
      },
    });
    await expect(recovered).resolves.toMatchObject({ settled: 1 });
    expect([asked, BigInt(harness.cycles.spent)]).toEqual([["pi_b"], dollars(booked)]);
  });
});
