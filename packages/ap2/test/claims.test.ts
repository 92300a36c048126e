import { type Transport, ValidationError } from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import {
  AP2AlreadyConsumed,
  AP2GuardDenied,
  type Payment,
  type RecoverOptions,
  recover,
  withReservation,
} from "@imprest/ap2";
import { createManualClock } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { CountingPsp } from "./support/counting-psp.ts";
import { refusal } from "./support/fake-cycles.ts";
import {
  type Harness,
  becomeOtherProcess,
  createHarness,
  killWorkers,
  makeMandate,
  makeTerms,
  otherWorker,
} from "./support/harness.ts";

// Whoever cannot know that a mandate is unused does not pay, and whoever cannot know that a worker is dead leaves it alone.

const fail = (): never => expect.fail("the body ran");

describe("a claim", () => {
  it("is one claim under every spelling of this machine, and recovery finds it under another", async () => {
    const harness = createHarness();
    const transport: Transport = async ({ method, url, body = "" }) => {
      const { pathname, search } = new URL(url);
      const answer = harness.cycles.handle(method, `${pathname}${search}`, body);
      if (answer === "hang-up") throw new Error("broken");
      return { status: answer.status, headers: {}, body: JSON.stringify(answer.body) };
    };
    const spelt = (baseUrl: string): CyclesAuthority => {
      const client = new CyclesClient({ baseUrl, apiKey: "test-key-123", subject: { tenant: "acme" }, transport });
      return new CyclesAuthority(client, { records: harness.records });
    };
    const [here, there] = [spelt("http://localhost:7878"), spelt("http://127.0.0.1:7878")];
    await expect(withReservation(here, makeTerms(), () => Promise.reject(new Error("lost")))).rejects.toThrow();
    await expect(withReservation(there, makeTerms(), fail)).rejects.toThrow(AP2AlreadyConsumed);
    const lookupCharge = (): { status: "charged" } => ({ status: "charged" });
    await expect(recover(there, { lookupCharge })).resolves.toMatchObject({ settled: 1 });
  });

  it.each([7, null, { phase: "released" }])(
    "that is damaged (%o) is not taken for an unused mandate",
    async (damage) => {
      const harness = createHarness();
      const mandate = makeMandate({ openMandateHash: "omh", linkedHashes: ["linked"] });
      await withReservation(harness.authority, makeTerms({ mandate }), () => {});
      for (const prefix of ["ap2-payment:", "ap2-link:"]) {
        for await (const { key, value, version } of harness.records.scan(prefix)) {
          const damaged = await harness.records.replace(key, damage, version);
          const paid = withReservation(otherWorker(harness), makeTerms({ mandate }), fail);
          await expect(paid).rejects.toMatchObject({ code: "ERR_AP2_LEDGER", message: expect.stringContaining(key) });
          await harness.records.replace(key, value, damaged ?? "");
        }
      }
    },
  );

  it.each([
    ["amount", "12.5"],
    ["microcents", ""],
    ["charged", { amount: "-1" }],
    ["pspEpoch", 0.5],
  ])("whose %s cannot be read blocks its mandate and is named", async (member, value) => {
    const harness = createHarness();
    await withReservation(harness.authority, makeTerms(), () => {});
    const keys: string[] = [];
    for await (const { key, value: record, version } of harness.records.scan("ap2-payment:")) {
      const { attempts, ...rest } = record as { readonly attempts: readonly object[] };
      await harness.records.replace(
        key,
        { ...rest, attempts: attempts.map((one) => ({ ...one, [member]: value })) },
        version,
      );
      keys.push(key);
    }
    await expect(withReservation(otherWorker(harness), makeTerms(), fail)).rejects.toMatchObject({
      code: "ERR_AP2_LEDGER",
    });
    await expect(recover(otherWorker(harness))).resolves.toMatchObject({ malformed: keys });
  });
});

describe("a reserve whose answer was lost", () => {
  const lost = async (harness: Harness): Promise<void> => {
    harness.cycles.fault = (operation) => (operation === "reserve" ? "lose-answer" : undefined);
    await expect(withReservation(harness.authority, makeTerms(), fail)).rejects.toMatchObject({
      code: "ERR_AP2_RESERVE_UNCERTAIN",
    });
  };

  it.each([
    [401, "UNAUTHORIZED"],
    [403, "FORBIDDEN"],
    [429, "RATE_LIMITED"],
    [400, "INVALID_REQUEST"],
  ])("and that is then refused with %i goes on as the same reservation", async (status, code) => {
    const harness = createHarness();
    await lost(harness);
    harness.cycles.fault = (operation) => (operation === "reserve" ? refusal(status, code) : undefined);
    await expect(withReservation(harness.authority, makeTerms(), fail)).rejects.toThrow(AP2GuardDenied);
    harness.cycles.fault = () => undefined;
    await expect(withReservation(harness.authority, makeTerms(), () => 1)).resolves.toMatchObject({
      settlement: { status: "committed", reservationId: "rsv_1" },
    });
    expect(harness.cycles.reservations.size).toBe(1);
    expect(new Set(harness.cycles.requests("reserve").map(({ text }) => text)).size).toBe(1);
  });

  it("with the refusal in the same call is not forgotten either", async () => {
    const harness = createHarness();
    harness.cycles.fault = (operation, count) => {
      if (operation !== "reserve") return undefined;
      return count === 1 ? "lose-answer" : refusal(401, "UNAUTHORIZED");
    };
    await expect(withReservation(harness.authority, makeTerms(), fail)).rejects.toThrow(AP2GuardDenied);
    harness.cycles.fault = () => undefined;
    await withReservation(harness.authority, makeTerms(), () => 1);
    expect([...harness.cycles.reservations.values()].map(({ status }) => status)).toEqual(["COMMITTED"]);
  });

  it("a refusal with no answer lost before it leaves the mandate as it was", async () => {
    const harness = createHarness();
    harness.cycles.fault = () => refusal(401, "UNAUTHORIZED");
    await expect(withReservation(harness.authority, makeTerms(), fail)).rejects.toThrow(AP2GuardDenied);
    harness.cycles.fault = () => undefined;
    await withReservation(harness.authority, makeTerms({ runId: "another" }), () => 1);
    expect(harness.cycles.spent).toBe(19_900_000_000);
  });
});

describe("recovery", () => {
  it.each([
    { abandonedAfterMs: -1 },
    { abandonedAfterMs: null },
    { abandonedAfterMs: Number.NaN },
    { absentAfterMs: -5 },
    { absentAfterMs: Infinity },
    { lookupTimeoutMs: "4" },
  ] as unknown as RecoverOptions[])("refuses %o, which is no time, before it touches a payment", async (options) => {
    const harness = createHarness();
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const paid = withReservation(harness.authority, makeTerms(), () => gate);
    await expect(recover(otherWorker(harness), options)).rejects.toThrow(ValidationError);
    release();
    await expect(paid).resolves.toMatchObject({ settlement: { status: "committed" } });
  });

  it("takes over no payment of its own process, even where every worker counts as dead at once", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    const told = { abandonedAfterMs: 0, absentAfterMs: 0, lookupCharge: () => ({ status: "none" }) as const };
    await withReservation(harness.authority, makeTerms(), async (payment) => {
      await expect(recover(harness.authority, told)).resolves.toMatchObject({ released: 0, unresolved: 0 });
      await payment.charged({ reference: psp.charge(payment) });
    });
    expect(BigInt(harness.cycles.spent)).toBe(psp.total);
    await expect(withReservation(harness.authority, makeTerms(), fail)).rejects.toThrow(AP2AlreadyConsumed);
  });

  it("takes over no payment of its own process that another authority of it runs, whatever the authorities say", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    const told = { abandonedAfterMs: 0, absentAfterMs: 0, lookupCharge: () => ({ status: "none" }) as const };
    await withReservation(harness.authority, makeTerms(), async (payment) => {
      // Its lease is over by the authority's time.
      harness.cycles.skewMs = 300_000;
      await expect(recover(otherWorker(harness), told)).resolves.toMatchObject({ released: 0, unresolved: 0 });
      await payment.charged({ reference: psp.charge(payment) });
    });
    expect(BigInt(harness.cycles.spent)).toBe(psp.total);
    await expect(withReservation(harness.authority, makeTerms(), fail)).rejects.toThrow(AP2AlreadyConsumed);
  });

  it.each(["reserving", "charging"])(
    "takes over no payment of another process that lives (%s), even where it is to wait for nothing",
    async (phase) => {
      const harness = createHarness();
      const psp = new CountingPsp();
      const told = { abandonedAfterMs: 0, absentAfterMs: 0, lookupCharge: () => ({ status: "none" }) as const };
      const body = async (payment: Payment): Promise<void> => {
        becomeOtherProcess();
        if (phase === "charging") await payment.charging();
        await expect(recover(otherWorker(harness), told)).resolves.toMatchObject({ released: 0, unresolved: 1 });
        await payment.charged({ reference: psp.charge(payment) });
      };
      await withReservation(harness.authority, makeTerms(), body, { tracksCharge: true });
      expect(psp.charges).toHaveLength(1);
      expect(BigInt(harness.cycles.spent)).toBe(psp.total);
    },
  );

  it("on a machine whose clock is a day ahead leaves a living worker alone", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    const ahead = createManualClock(Date.now() + 86_400_000);
    const body = async (payment: Payment): Promise<void> => {
      becomeOtherProcess();
      const recovered = recover(otherWorker(harness, ahead), { lookupCharge: () => ({ status: "none" }) });
      await expect(recovered).resolves.toMatchObject({ released: 0, unresolved: 1 });
      const second = withReservation(otherWorker(harness, ahead), makeTerms(), (other) => psp.charge(other));
      await expect(second).rejects.toThrow(AP2AlreadyConsumed);
      // Its claim is still its own.
      await payment.charging();
      await payment.charged({ reference: psp.charge(payment) });
    };
    await withReservation(harness.authority, makeTerms(), body, { tracksCharge: true });
    expect(psp.charges).toHaveLength(1);
    expect(BigInt(harness.cycles.spent)).toBe(psp.total);
  });

  it("finds what a worker left that died on such a machine, and counts the time from now on", async () => {
    const ahead = createManualClock(Date.now() + 86_400_000);
    const clock = createManualClock(Date.now());
    const harness = createHarness({ clock: ahead });
    const stopped = new Promise<void>((resolve) => {
      void withReservation(
        harness.authority,
        makeTerms(),
        async (payment) => {
          await payment.charging();
          resolve();
          await new Promise(() => {});
        },
        { tracksCharge: true },
      );
    });
    await stopped;
    await killWorkers(harness.records);
    const lookupCharge = (): { status: "none" } => ({ status: "none" });
    const look = () => recover(otherWorker(harness, clock), { lookupCharge });
    await expect(look()).resolves.toMatchObject({ unresolved: 1 });
    harness.cycles.skewMs = 600_000;
    await clock.advance(599_999);
    await expect(look()).resolves.toMatchObject({ unresolved: 1 });
    await clock.advance(1);
    await expect(look()).resolves.toMatchObject({ released: 1 });
  });

  it("on that machine does not believe at once that there is no charge", async () => {
    const harness = createHarness();
    const ahead = createManualClock(Date.now() + 86_400_000);
    await withReservation(harness.authority, makeTerms(), () => Promise.reject(new Error("lost"))).catch(() => {});
    const lookupCharge = (): { status: "none" } => ({ status: "none" });
    await expect(recover(otherWorker(harness, ahead), { lookupCharge })).resolves.toMatchObject({ unresolved: 1 });
    harness.cycles.skewMs = 120_000;
    await expect(recover(otherWorker(harness, ahead), { lookupCharge })).resolves.toMatchObject({ released: 1 });
  });

  it("takes over a worker that was frozen while its lease ran out; waking, it cannot charge any more", async () => {
    const harness = createHarness();
    const psp = new CountingPsp();
    let wake = (): void => {};
    const frozen = new Promise<void>((resolve) => (wake = resolve));
    const sleeper = withReservation(
      harness.authority,
      makeTerms(),
      async (payment) => {
        await frozen;
        await payment.charging();
        psp.charge(payment);
      },
      { tracksCharge: true },
    ).catch((error: unknown) => error);
    await expect.poll(() => harness.cycles.requests("reserve").length).toBe(1);
    harness.cycles.skewMs = 300_000;
    const later = createManualClock(Date.now() + 300_000);
    becomeOtherProcess();
    await expect(recover(otherWorker(harness, later))).resolves.toMatchObject({ released: 1 });
    await withReservation(otherWorker(harness, later), makeTerms(), (payment) =>
      payment.charged({ reference: psp.charge(payment) }),
    );
    wake();
    expect(await sleeper).toMatchObject({ code: "ERR_AP2_CLAIM_LOST" });
    expect(psp.charges).toHaveLength(1);
    expect(BigInt(harness.cycles.spent)).toBe(psp.total);
  });
});
