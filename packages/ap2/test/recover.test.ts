import { type RecordStore, memoryRecordStore, settlementQueue } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import {
  AP2AlreadyConsumed,
  AP2GuardCommitFailed,
  type AP2GuardCommitUncertain,
  type ChargeLookup,
  paymentAuthority,
  reconcile,
  recover,
  withReservation,
} from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { refusal } from "./support/fake-cycles.ts";
import {
  type Harness,
  collect,
  createHarness,
  killWorkers,
  makeMandate,
  makeTerms,
  otherWorker,
} from "./support/harness.ts";

const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };
const says = (lookup: ChargeLookup) => ({ ...soon, lookupCharge: () => lookup });

async function held(harness: Harness): Promise<AP2GuardCommitUncertain> {
  return withReservation(harness.authority, makeTerms(), () => Promise.reject(new Error("timeout"))).then(
    () => expect.fail("it resolved"),
    (error: unknown) => error as AP2GuardCommitUncertain,
  );
}

async function phases(records: RecordStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { value } of records.scan("ap2-payment:")) {
    found.push(
      ...(value as unknown as { readonly attempts: { readonly phase: string }[] }).attempts.map(({ phase }) => phase),
    );
  }
  return found;
}

/** A worker that stops, as if killed, with its record as it is. */
function stopAt(
  harness: Harness,
  stop: (payment: { charging(): Promise<void>; charged(): Promise<void> }) => Promise<void>,
): Promise<void> {
  return new Promise((resolve) => {
    void withReservation(
      harness.authority,
      makeTerms(),
      async (payment) => {
        await stop(payment);
        await killWorkers(harness.records);
        resolve();
        await new Promise(() => {});
      },
      { tracksCharge: true },
    );
  });
}

describe("reconcile", () => {
  it("a charge that the PSP confirms is committed with what was charged", async () => {
    const harness = createHarness();
    const error = await held(harness);
    const seen: unknown[] = [];
    const lookupCharge = (query: object) => (
      seen.push(query),
      { status: "charged", reference: "ch_9", amount: 5n } as const
    );
    await expect(reconcile(harness.authority, error, { lookupCharge })).resolves.toBe("settled");
    expect(harness.cycles.reservations.get("rsv_1")).toMatchObject({
      status: "COMMITTED",
      committed: 5,
      committedMetadata: { psp_ref: "ch_9" },
    });
    expect(seen).toMatchObject([
      {
        pspIdempotencyKey: "ap2:tx:0094424f06331addbe7b9977acf59843:psp:822b33ad87c148a0",
        transactionId: "ap2-tx-001",
        microcents: 19_900_000_000n,
      },
    ]);
    await expect(withReservation(harness.authority, makeTerms(), () => {})).rejects.toThrow(AP2AlreadyConsumed);
  });
  it("a charge that was declined is released, and the mandate may be tried again", async () => {
    const harness = createHarness();
    await expect(reconcile(harness.authority, await held(harness), says({ status: "declined" }))).resolves.toBe(
      "released",
    );
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
    await expect(withReservation(harness.authority, makeTerms(), () => 1)).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
  });
  it("a PSP that cannot say, rejects, or is not asked leaves everything as it is", async () => {
    const harness = createHarness();
    const error = await held(harness);
    await expect(reconcile(harness.authority, error, says({ status: "unknown" }))).resolves.toBe("unresolved");
    await expect(
      reconcile(harness.authority, error, { lookupCharge: () => Promise.reject(new Error("down")) }),
    ).resolves.toBe("unresolved");
    await expect(reconcile(harness.authority, error)).resolves.toBe("unresolved");
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe("ACTIVE");
  });
  it("a PSP that knows no charge is believed only some time after the last sign of life", async () => {
    const clock = createManualClock();
    const harness = createHarness({ clock });
    const error = await held(harness);
    const lookupCharge = () => ({ status: "none" }) as const;
    await expect(reconcile(harness.authority, error, { lookupCharge })).resolves.toBe("unresolved");
    harness.cycles.skewMs = 599_999;
    await clock.advance(599_999);
    await expect(reconcile(harness.authority, error, { lookupCharge })).resolves.toBe("unresolved");
    await clock.advance(1);
    await expect(reconcile(harness.authority, error, { lookupCharge })).resolves.toBe("released");
  });
  it("a commit whose answer was lost is found committed, and the PSP is not asked", async () => {
    const harness = createHarness();
    harness.cycles.fault = (operation) => (operation === "commit" ? "lose-answer" : undefined);
    const error = await withReservation(harness.authority, makeTerms(), () => {}).catch((error: unknown) => error);
    harness.cycles.fault = () => undefined;
    const lookupCharge = () => expect.fail("asked");
    await expect(reconcile(harness.authority, error as AP2GuardCommitUncertain, { lookupCharge })).resolves.toBe(
      "settled",
    );
    expect(harness.cycles.spent).toBe(19_900_000_000);
  });
  it("what is booked no longer stands among the dead letters", async () => {
    const harness = createHarness();
    const error = await held(harness);
    const { deadLetters } = settlementQueue(paymentAuthority(harness.authority));
    expect(await collect(deadLetters.list())).toMatchObject([{ kind: "spend-unknown", reservationId: "rsv_1" }]);
    await reconcile(harness.authority, error, says({ status: "charged" }));
    expect(await collect(deadLetters.list())).toEqual([]);
  });
  it("of several payments, the dead letters of one are read and discarded, not those of the others", async () => {
    let read = 0;
    const records = memoryRecordStore();
    const harness = createHarness({
      records: {
        ...records,
        async *scan(prefix) {
          for await (const found of records.scan(prefix)) {
            if (prefix.startsWith("dead-letter:")) read += 1;
            yield found;
          }
        },
      },
    });
    for (let at = 0; at < 11; at++) {
      const terms = makeTerms({ mandate: makeMandate({ transactionId: `T${at}`, amountValue: "1.00" }) });
      await withReservation(harness.authority, terms, () => Promise.reject(new Error("timeout"))).catch(() => {});
    }
    await expect(recover(harness.authority, says({ status: "charged" }))).resolves.toMatchObject({ settled: 11 });
    expect(read).toBe(11);
    expect(await collect(settlementQueue(paymentAuthority(harness.authority)).deadLetters.list())).toEqual([]);
  });
  it("a payment that the store does not hold is refused as such", async () => {
    const { authority } = createHarness();
    const attempt = { record: "ap2-payment:ap2:tx:none@acme", claim: "none" };
    await expect(reconcile(authority, { attempt })).rejects.toMatchObject({ code: "ERR_AP2_NOTHING_PAID" });
  });
  it("a payment that another worker takes over meanwhile is left to it", async () => {
    const harness = createHarness();
    const error = await held(harness);
    const lookupCharge = async (): Promise<ChargeLookup> => {
      await recover(otherWorker(harness), says({ status: "declined" }));
      return { status: "charged" };
    };
    const reconciled = reconcile(harness.authority, error, { lookupCharge });
    await expect(reconciled).rejects.toMatchObject({ code: "ERR_AP2_CLAIM_LOST" });
    expect(harness.cycles.spent).toBe(0);
  });
  it("a commit that was refused is sent again once the operator has put things right", async () => {
    const harness = createHarness();
    harness.cycles.fault = (operation) => (operation === "commit" ? refusal(409, "TENANT_CLOSED") : undefined);
    const error = await withReservation(harness.authority, makeTerms(), () => {}).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AP2GuardCommitFailed);
    await expect(reconcile(harness.authority, error as AP2GuardCommitFailed)).resolves.toBe("unresolved");
    harness.cycles.fault = () => undefined;
    await expect(reconcile(harness.authority, error as AP2GuardCommitFailed)).resolves.toBe("settled");
    expect(harness.cycles.spent).toBe(19_900_000_000);
  });
});

describe("recover", () => {
  it("reserving: nothing was charged, so it is released without asking the PSP", async () => {
    const harness = createHarness();
    await stopAt(harness, async () => {});
    expect(await phases(harness.records)).toEqual(["reserving"]);
    await expect(
      recover(otherWorker(harness), { ...soon, lookupCharge: () => expect.fail("asked") }),
    ).resolves.toMatchObject({ released: 1 });
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
  });
  it.each([
    ["charged", { settled: 1 }, "COMMITTED"],
    ["declined", { released: 1 }, "RELEASED"],
    ["none", { released: 1 }, "RELEASED"],
    ["unknown", { unresolved: 1 }, "ACTIVE"],
  ] as const)("charging: the PSP says %s", async (status, counted, standing) => {
    const harness = createHarness();
    await stopAt(harness, (payment) => payment.charging());
    await expect(recover(otherWorker(harness), says({ status }))).resolves.toMatchObject(counted);
    expect(harness.cycles.reservations.get("rsv_1")?.status).toBe(standing);
  });
  it("charged: committed without asking the PSP; expired since: recorded as an event under the same key", async () => {
    const harness = createHarness();
    await stopAt(harness, (payment) => payment.charged());
    harness.cycles.skewMs = 120_000;
    await expect(recover(otherWorker(harness), soon)).resolves.toMatchObject({ settled: 1 });
    expect(harness.cycles.requests("event")[0]?.body).toMatchObject({
      idempotency_key: "ap2:tx:0094424f06331addbe7b9977acf59843:commit",
    });
    expect(harness.cycles.spent).toBe(19_900_000_000);
    await expect(recover(otherWorker(harness), soon)).resolves.toMatchObject({ settled: 0, unresolved: 0 });
  });
  it("a living worker is left alone, and any number of recoveries at once settle once", async () => {
    const harness = createHarness();
    await stopAt(harness, (payment) => payment.charged());
    await expect(recover(otherWorker(harness), {})).resolves.toEqual({
      settled: 0,
      released: 0,
      unresolved: 0,
      problems: [],
      malformed: [],
    });
    const results = await Promise.all(Array.from({ length: 5 }, () => recover(otherWorker(harness), soon)));
    expect(results.reduce((sum, { settled }) => sum + settled, 0)).toBeGreaterThanOrEqual(1);
    expect(harness.cycles.spent).toBe(19_900_000_000);
    expect(new Set(harness.cycles.requests("commit").map(({ text }) => text)).size).toBe(1);
  });
  it("a worker that was given up for dead cannot charge any more", async () => {
    const harness = createHarness();
    const paid = withReservation(
      harness.authority,
      makeTerms(),
      async (payment) => {
        await killWorkers(harness.records);
        await recover(otherWorker(harness), soon);
        await payment.charging();
        expect.fail("it may charge");
      },
      { tracksCharge: true },
    );
    await expect(paid).rejects.toMatchObject({ code: "ERR_AP2_CLAIM_LOST" });
  });
  it("nor one that a recovery took over without coming to an end", async () => {
    const harness = createHarness();
    const paid = withReservation(
      harness.authority,
      makeTerms(),
      async (payment) => {
        harness.cycles.fault = (operation) => (operation === "list" ? "lose-request" : undefined);
        await killWorkers(harness.records);
        await expect(recover(otherWorker(harness), soon)).resolves.toMatchObject({ unresolved: 1 });
        await payment.charging();
        expect.fail("it may charge");
      },
      { tracksCharge: true },
    );
    await expect(paid).rejects.toMatchObject({ code: "ERR_AP2_CLAIM_LOST" });
  });
  it("a commit that arrived is enough, though nothing recorded the charge and the PSP cannot say", async () => {
    const harness = createHarness();
    await stopAt(harness, (payment) => payment.charging());
    const actual = { unit: "USD_MICROCENTS", amount: 19_900_000_000n };
    await harness.client.commitReservation("rsv_1", {
      actual,
      idempotency_key: "ap2:tx:0094424f06331addbe7b9977acf59843:commit",
    });
    await expect(recover(otherWorker(harness), says({ status: "unknown" }))).resolves.toMatchObject({ settled: 1 });
    expect(harness.cycles.spent).toBe(19_900_000_000);
  });
  it("an authority that is down leaves the payment for the next time", async () => {
    const harness = createHarness();
    await stopAt(harness, (payment) => payment.charged());
    harness.cycles.fault = () => "lose-request";
    await expect(recover(otherWorker(harness), soon)).resolves.toMatchObject({ unresolved: 1 });
    harness.cycles.fault = () => undefined;
    await expect(recover(otherWorker(harness), soon)).resolves.toMatchObject({ settled: 1 });
  });
  it("a reserve whose answer was lost is found by its key and given back", async () => {
    const harness = createHarness();
    harness.cycles.fault = (operation) => (operation === "reserve" ? "lose-answer" : undefined);
    await expect(withReservation(harness.authority, makeTerms(), () => {})).rejects.toThrow();
    harness.cycles.fault = () => undefined;
    await expect(recover(harness.authority)).resolves.toMatchObject({ released: 1 });
    expect(harness.cycles.reserved).toBe(0);
  });
  it("records that cannot be read are named, not dropped", async () => {
    const { authority, records } = createHarness();
    await records.create("ap2-payment:broken", [1]);
    await expect(recover(authority, soon)).resolves.toMatchObject({ malformed: ["ap2-payment:broken"] });
    expect(await records.read("ap2-payment:broken")).toBeDefined();
  });
  it("the signs of life of a long body reach the record", async () => {
    const clock = createManualClock();
    const harness = createHarness({ clock });
    await stopAt(harness, (payment) => payment.charging());
    const touchedAt = async () =>
      JSON.stringify((await harness.records.read((await firstKey(harness.records)) ?? ""))?.value);
    const before = await touchedAt();
    await clock.advance(20_000);
    await expect.poll(touchedAt).not.toBe(before);
    await paymentAuthority(harness.authority).idle();
  });
});

async function firstKey(records: RecordStore): Promise<string | undefined> {
  for await (const { key } of records.scan("ap2-payment:")) return key;
  return undefined;
}
