import { amount } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LedgerStore } from "@imprest/embedded";
import { AspError } from "../../src/index.ts";
import {
  type House,
  budgetId,
  claim,
  createManualClock,
  feedOf,
  issuer,
  openHouse,
  trustIn,
  unit,
  verifyAll,
  storeThatOutlives,
} from "./support.ts";

type Step =
  | { readonly do: "reserve"; readonly amount: number }
  | { readonly do: "commit"; readonly which: number; readonly amount: number; readonly key: string }
  | { readonly do: "release"; readonly which: number }
  | { readonly do: "wait"; readonly ms: number };

const which = fc.nat(5);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("reserve" as const), amount: fc.integer({ min: 0, max: 6_000 }) }),
    fc.record({
      do: fc.constant("commit" as const),
      which,
      amount: fc.integer({ min: 0, max: 6_000 }),
      key: fc.constantFrom("a", "b"),
    }),
    fc.record({ do: fc.constant("release" as const), which }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 2_000, 9_000) }),
  ),
  { minLength: 1, maxLength: 25 },
);

async function perform(house: House, script: readonly Step[], advance: (ms: number) => Promise<void>): Promise<void> {
  const ids: string[] = [];
  const client = house.client();
  for (const [at, step] of script.entries()) {
    try {
      const reservationId = "which" in step ? (ids[step.which] ?? "none") : "";
      if (step.do === "wait") await advance(step.ms);
      else if (step.do === "release") await client.release({ reservationId, idempotencyKey: `x${at}` });
      else if (step.do === "commit") {
        const amountAtomicObserved = BigInt(step.amount);
        await client.commit({ reservationId, amountAtomicObserved, idempotencyKey: step.key });
      } else {
        const answer = await client.reserve({ claim: claim(BigInt(step.amount)), idempotencyKey: `r${at}` });
        if (answer.reservationId !== undefined) ids.push(answer.reservationId);
      }
    } catch (error) {
      if (!AspError.isInstance(error)) throw error;
    }
  }
}

describe("rebuild(feed)", () => {
  it("law: a ledger rebuilt from its signed events alone equals the one that lived", async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.constantFrom("REJECT" as const, "CHARGE_OVERAGE" as const),
        async (script, overagePolicy) => {
          const clock = createManualClock();
          const options = { clock, asp: { ttlMs: 10_000, graceWindowMs: 5_000, overagePolicy } };
          const live = await openHouse(options);
          await perform(live, script, (ms) => clock.advance(ms));
          live.embedded.audit.reservations("acme");
          const lines = await feedOf(live);
          const reports = await verifyAll(lines, await trustIn(live));
          const feed = reports.map(({ event }, at) => {
            if (event === undefined) throw new Error("an event does not verify");
            return { line: lines[at] ?? "", event };
          });
          const rebuilt = await openHouse(options);
          await rebuilt.embedded.audit.rebuild(feed);
          expect(rebuilt.embedded.audit.reservations("acme")).toEqual(live.embedded.audit.reservations("acme"));
          const query = { budgetId, unit };
          expect(await rebuilt.client().queryBudget(query)).toEqual(await live.client().queryBudget(query));
          // Answers too: the same requests, repeated on both, are answered alike, and the feed goes on where it was.
          const repeated = script.filter((step) => step.do !== "wait");
          await perform(live, repeated, async () => {});
          await perform(rebuilt, repeated, async () => {});
          expect(await rebuilt.client().queryBudget(query)).toEqual(await live.client().queryBudget(query));
          expect((await feedOf(rebuilt)).slice(0, lines.length)).toEqual(lines);
          expect((await feedOf(rebuilt)).length).toBe((await feedOf(live)).length);
          await live.embedded.close();
          await rebuilt.embedded.close();
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    [10_000, 1n],
    [10_001, 0n],
  ])("a reservation with a TTL of 10 s, rebuilt after %i ms, holds %i", async (afterMs, held) => {
    const clock = createManualClock();
    const options = { clock, asp: { ttlMs: 10_000, graceWindowMs: 5_000 } };
    const live = await openHouse(options);
    await live.client().reserve({ claim: claim(1n) });
    const lines = await feedOf(live);
    const reports = await verifyAll(lines, await trustIn(live));
    await clock.advance(afterMs);
    const rebuilt = await openHouse(options);
    await rebuilt.embedded.audit.rebuild(
      reports.flatMap(({ event }, at) => (event ? [{ line: lines[at] ?? "", event }] : [])),
    );
    for (const house of [live, rebuilt]) {
      expect((await house.client().queryBudget({ budgetId, unit })).reservedHoldAtomic).toBe(held);
    }
  });

  it("a hold that outlived a budget's going over its cap is held again", async () => {
    const clock = createManualClock();
    const options = { clock, asp: { ttlMs: 10_000, graceWindowMs: 5_000 } };
    const live = await openHouse(options);
    const late = await live.client().reserve({ claim: claim(6_000n) });
    await clock.advance(10_001);
    await live.client().reserve({ claim: claim(9_000n) });
    await live.client().commit({ reservationId: late.reservationId ?? "", amountAtomicObserved: 6_000n });
    const lines = await feedOf(live);
    const reports = await verifyAll(lines, await trustIn(live));
    const rebuilt = await openHouse(options);
    await rebuilt.embedded.audit.rebuild(
      reports.flatMap(({ event }, at) => (event ? [{ line: lines[at] ?? "", event }] : [])),
    );
    const budget = await rebuilt.client().queryBudget({ budgetId, unit });
    expect(budget).toMatchObject({ reservedHoldAtomic: 9_000n, committedSpendAtomic: 6_000n, overCapAtomic: 5_000n });
  });

  it("a process that ends is taken up from its store: reservations, answers, events, keys", async () => {
    const disk = new Map<string, string>();
    const store = (): LedgerStore => ({
      load: () => disk,
      async write(take) {
        for (const [key, value] of take()) {
          if (value === undefined) disk.delete(key);
          else disk.set(key, value);
        }
      },
      close() {},
    });
    const clock = createManualClock(Date.now());
    const before = await openHouse({ clock, store: store() });
    const reserved = await before.client().reserve({ claim: claim(1_000n), idempotencyKey: "r" });
    const commit = { reservationId: reserved.reservationId ?? "", amountAtomicObserved: 40n, idempotencyKey: "c" };
    const committed = await before.client().commit(commit);
    const open = await before.client().reserve({ claim: claim(500n), idempotencyKey: "o" });
    const lines = await feedOf(before);
    await before.embedded.close();

    const signingKey = { kid: "k2", privateKey: new Uint8Array(32).fill(3) };
    const after = await openHouse({ clock, store: store(), asp: { signingKey } }, { fresh: false });
    expect(await feedOf(after)).toEqual(lines);
    expect(await after.client().reserve({ claim: claim(1_000n), idempotencyKey: "r" })).toEqual(reserved);
    expect(await after.client().commit(commit)).toEqual(committed);
    await after.client().commit({ reservationId: open.reservationId ?? "", amountAtomicObserved: 500n });
    expect(await after.client().queryBudget({ budgetId, unit })).toMatchObject({
      committedSpendAtomic: 540n,
      reservedHoldAtomic: 0n,
    });
    const reports = await verifyAll(await feedOf(after), await trustIn(after));
    expect(reports.map(({ disposition, event }) => [disposition, event?.data.kid])).toEqual([
      ["authentic", "k1"],
      ["authentic", "k1"],
      ["authentic", "k1"],
      ["authentic", "k2"],
    ]);
  });

  it("what another wire settled is answered the same after a restart, even under that wire's own key", async () => {
    const store = storeThatOutlives();
    const clock = createManualClock(Date.now());
    const before = await openHouse({ clock, store });
    const options = { baseUrl: issuer, apiKey: before.apiKey, transport: before.transport };
    const cycles = new CyclesClient(options);
    const ids: string[] = [];
    for (const key of ["one", "two"]) {
      const { reservationId = "" } = await before.client().reserve({ claim: claim(500n), idempotencyKey: key });
      ids.push(reservationId);
    }
    const [released = "", committed = ""] = ids;
    await cycles.releaseReservation(released, {}, { idempotencyKey: "shared" });
    await cycles.commitReservation(committed, { actual: amount(unit, 40) }, { idempotencyKey: "shared-too" });
    const ask = async (house: House): Promise<unknown> => ({
      release: await house.client().release({ reservationId: released, idempotencyKey: "shared" }),
      commit: await house
        .client()
        .commit({ reservationId: committed, amountAtomicObserved: 40n, idempotencyKey: "shared-too" })
        .catch((error: unknown) => AspError.isInstance(error) && error.errorCode),
    });
    const live = await ask(before);
    expect(live).toEqual({ release: {}, commit: "RESERVATION_SETTLED" });
    await before.embedded.close();
    const signingKey = { kid: "k2", privateKey: new Uint8Array(32).fill(3) };
    const after = await openHouse({ clock, store, asp: { signingKey } }, { fresh: false });
    expect(await ask(after)).toEqual(live);
  });

  it.each<[string, (lines: readonly string[]) => readonly string[]]>([
    ["a line is missing", (lines) => lines.toSpliced(1, 1)],
    ["a line is there twice", (lines) => [...lines, lines[2] ?? ""]],
    ["two lines changed places", (lines) => [lines[1] ?? "", lines[0] ?? "", ...lines.slice(2)]],
  ])("refuses a feed in which %s, and restores nothing of it", async (_name, change) => {
    const live = await openHouse();
    const { reservationId = "" } = await live.client().reserve({ claim: claim(1_000n) });
    await live.client().commit({ reservationId, amountAtomicObserved: 400n });
    await live.client().reserve({ claim: claim(20n) });
    const whole = await feedOf(live);
    const trust = await trustIn(live);
    const verified = async (lines: readonly string[]) => {
      const reports = await verifyAll(lines, trust);
      return reports.flatMap(({ event }, at) => (event ? [{ line: lines[at] ?? "", event }] : []));
    };
    const rebuilt = await openHouse({}, { fresh: false });
    await expect(rebuilt.embedded.audit.rebuild(await verified(whole))).rejects.toThrow("Budget not found");
    await rebuilt.embedded.budgets.create({
      scope: { tenant: "acme", agent: "bot" },
      allocated: { unit, amount: 10_000n },
    });
    await expect(rebuilt.embedded.audit.rebuild(await verified(change(whole)))).rejects.toThrow(
      /goes on with event \d/,
    );
    expect(await feedOf(rebuilt)).toEqual([]);
    await rebuilt.embedded.audit.rebuild(await verified(whole));
    expect(await feedOf(rebuilt)).toEqual(whole);
    await expect(rebuilt.embedded.audit.rebuild(await verified(whole))).rejects.toThrow("signed no events");
  });

  it("what was rebuilt and then restarted still settles what it holds", async () => {
    const store = storeThatOutlives();
    const clock = createManualClock(Date.now());
    const live = await openHouse({ clock });
    const { reservationId = "" } = await live.client().reserve({ claim: claim(1_000n) });
    const lines = await feedOf(live);
    const reports = await verifyAll(lines, await trustIn(live));
    const rebuilt = await openHouse({ clock, store });
    await rebuilt.embedded.audit.rebuild(
      reports.flatMap(({ event }, at) => (event ? [{ line: lines[at] ?? "", event }] : [])),
    );
    await rebuilt.embedded.close();
    const restarted = await openHouse({ clock, store }, { fresh: false });
    await restarted.client().commit({ reservationId, amountAtomicObserved: 400n });
    const budget = await restarted.client().queryBudget({ budgetId, unit });
    expect(budget).toMatchObject({ reservedHoldAtomic: 0n, committedSpendAtomic: 400n });
  });

  it("an event that was journalled but not yet signed when the process died is signed when it is opened again", async () => {
    const disk = new Map<string, string>();
    const unsigned = {
      tenant: "acme",
      sequence: 1,
      atMs: 1_800_000_000_000,
      suffix: "reserve",
      id: "e1",
      data: {
        decision_id: "018f6b2e-7c1a-7000-8000-000000000001",
        budget_id: budgetId,
        unit,
        amount_atomic_reserved: "5",
        decision: "DENY",
        reason_codes: ["budget_exceeded"],
        runtime_metadata: { feed_sequence: 1 },
      },
    };
    disk.set("asp-event/acme/1", JSON.stringify(unsigned));
    const store: LedgerStore = { load: () => disk, write: async (take) => void take(), close() {} };
    const house = await openHouse({ store });
    await expect.poll(() => feedOf(house)).toHaveLength(1);
    const [report] = await verifyAll(await feedOf(house), await trustIn(house));
    expect(report?.disposition).toBe("authentic");
  });
});
