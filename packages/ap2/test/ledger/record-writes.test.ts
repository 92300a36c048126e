import { type RecordStore, Observer, memoryRecordStore, silentLogger } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { createManualClock } from "@imprest/testing";
import { type Payment, recover, withReservation } from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { clientOf, createHarness, makeTerms } from "../support/harness.ts";

// A store fails now and then. What it did all the same is not taken for another worker's deed.

/** A store whose next replacement fails, before or after it is made. */
function failingOnce(records: RecordStore): RecordStore & { failNext(when: "before" | "after"): void } {
  let when: "before" | "after" | undefined;
  return {
    ...records,
    failNext: (next) => (when = next),
    async replace(...args) {
      const now = when;
      when = undefined;
      if (now === "before") throw new Error("connection reset");
      const version = await records.replace(...args);
      if (now === "after") throw new Error("connection reset");
      return version;
    },
  };
}

async function pay(body: (payment: Payment, world: World) => Promise<void>): Promise<World> {
  const clock = createManualClock();
  const records = failingOnce(memoryRecordStore());
  const harness = createHarness({ records, clock });
  const observer = new Observer(silentLogger);
  const failures: string[] = [];
  observer.on("record-failure", ({ error }) => failures.push(error.message));
  const authority = new CyclesAuthority(clientOf(harness.cycles, clock), { records, clock, observer });
  const touchedAt = async (): Promise<number> => {
    for await (const { value } of records.scan("ap2-payment:"))
      return (value as unknown as { readonly attempts: readonly [{ readonly touchedAtMs: number }] }).attempts[0]
        .touchedAtMs;
    return 0;
  };
  const world = { ...harness, authority, clock, records, failures, touchedAt };
  await withReservation(authority, makeTerms(), (payment) => body(payment, world), { tracksCharge: true });
  return world;
}

type World = Omit<ReturnType<typeof createHarness>, "records"> & {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly records: ReturnType<typeof failingOnce>;
  readonly failures: string[];
  readonly touchedAt: () => Promise<number>;
};

describe("a sign of life that the store refuses", () => {
  it("is reported, stops neither the body nor the signs that follow", async () => {
    const { failures, cycles } = await pay(async (payment, { clock, records, touchedAt }) => {
      const start = await touchedAt();
      records.failNext("before");
      await clock.advance(16_000);
      expect(payment.signal.aborted).toBe(false);
      await clock.advance(16_000);
      expect(await touchedAt()).toBeGreaterThan(start);
      await payment.charged({ reference: "ch_1" });
    });
    expect(failures).toEqual(["connection reset"]);
    expect(cycles.spent).toBe(19_900_000_000);
  });
});

describe("a write that the store makes and reports as failed", () => {
  it("leaves the payment to its worker, which may charge once it repeats the write", async () => {
    const { cycles, records } = await pay(async (payment, world) => {
      world.records.failNext("after");
      await expect(payment.charging()).rejects.toThrow("connection reset");
      await payment.charging();
      await payment.charged({ reference: "ch_1" });
    });
    expect(cycles.spent).toBe(19_900_000_000);
    for await (const { value } of records.scan("ap2-payment:"))
      expect(value).toMatchObject({ attempts: [{ phase: "settled" }] });
  });

  it("is still lost to a worker that took the payment over since", async () => {
    const paid = pay(async (payment, world) => {
      world.records.failNext("after");
      await expect(payment.charging()).rejects.toThrow("connection reset");
      for await (const { key, value, version } of world.records.scan("ap2-payment:")) {
        const { attempts, ...rest } = value as { readonly attempts: readonly object[] };
        await world.records.replace(
          key,
          { ...rest, attempts: attempts.map((one) => ({ ...one, held: true })) },
          version,
        );
      }
      await payment.charging();
    });
    await expect(paid).rejects.toMatchObject({ code: "ERR_AP2_CLAIM_LOST" });
  });
});

describe("a payment that ends", () => {
  it("is not recovered by its own process before its end is written", async () => {
    const harness = createHarness();
    const replace = harness.records.replace.bind(harness.records);
    const found: unknown[] = [];
    let isEnding = false;
    const records: RecordStore = {
      ...harness.records,
      async replace(...args) {
        if (isEnding) {
          isEnding = false;
          found.push(await recover(harness.authority, { abandonedAfterMs: 0, absentAfterMs: 0 }));
        }
        return replace(...args);
      },
    };
    const authority = new CyclesAuthority(clientOf(harness.cycles), { records });
    const declined = withReservation(
      authority,
      makeTerms(),
      () => {
        isEnding = true;
        throw Object.assign(new Error("card declined"), { code: "card_declined" });
      },
      { classify: () => "declined" },
    );
    await expect(declined).rejects.toThrow("card declined");
    expect(found).toMatchObject([{ settled: 0, released: 0, unresolved: 0 }]);
  });
});
