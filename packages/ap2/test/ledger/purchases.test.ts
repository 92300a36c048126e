import { createHash } from "node:crypto";
import { type RecordStore, type RecordValue, memoryRecordStore, systemClock } from "@imprest/core";
import { AP2AlreadyConsumed, AP2PaymentDeclined, recover, withReservation } from "@imprest/ap2";
import { CyclesAuthority } from "@imprest/cycles";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { scopeOf } from "../../src/idempotency-key.ts";
import type { ClaimedAttempt } from "../../src/ledger/claimed-attempt.ts";
import { PaymentLedger } from "../../src/ledger/ledger.ts";
import { CountingPsp } from "../support/counting-psp.ts";
import { refusal } from "../support/fake-cycles.ts";
import {
  type Harness,
  clientOf,
  createHarness,
  killWorkers,
  makeMandate,
  makeTerms,
  otherWorker,
} from "../support/harness.ts";

// Hashed at once, so that the order of reads and writes is the only one there is.
vi.mock("../../src/sha256.ts", async (original) => ({
  ...(await original<object>()),
  halfSha256Hex: async (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32),
}));

// A purchase is presented under several mandates, a mandate for several purchases: what was paid binds, what was tried does not.

/** What a purchase is presented with: an open payment mandate, an open checkout mandate, both, or neither. */
interface Form {
  readonly mandate?: string | undefined;
  readonly checkout?: string | undefined;
}

const mandatesOf = ({ mandate, checkout }: Form): string[] => [
  ...new Set([mandate, checkout].filter((one): one is string => one !== undefined)),
];

type End = "paid" | "declined" | "aborted" | "denied" | "lost";

/** One try of a purchase. A worker's store fails for ever from the write of that number on, applied or not. */
interface Try extends Form {
  readonly transactionId: string;
  readonly end: End;
  readonly diesAt?: number | undefined;
  readonly isApplied?: boolean | undefined;
}

class World {
  readonly harness: Harness = createHarness();
  readonly psp = new CountingPsp({ honoursKeys: true });
  /** Which purchase each charge was for, and with which mandates it was presented. */
  readonly charged: Try[] = [];
  readonly tried: Try[] = [];

  /** @returns what became of it: `"paid"`, or the error. */
  async run(one: Try): Promise<unknown> {
    const { transactionId, mandate: openMandateHash, checkout, end } = one;
    const { cycles } = this.harness;
    this.tried.push(one);
    cycles.fault = (operation) =>
      operation === "reserve" && end === "denied" ? refusal(409, "BUDGET_EXCEEDED") : undefined;
    const mandate = makeMandate({
      transactionId,
      ...(openMandateHash !== undefined && { openMandateHash }),
      ...(checkout !== undefined && { linkedHashes: [checkout] }),
    });
    const records = one.diesAt === undefined ? this.harness.records : dying(this.harness.records, one);
    const authority = new CyclesAuthority(clientOf(cycles), { records });
    const paid = withReservation(authority, makeTerms({ mandate }), async (payment) => {
      if (end === "declined") throw new AP2PaymentDeclined("no");
      if (end === "aborted") return payment.abort("changed its mind");
      if (end === "lost") throw new Error("lost");
      const before = this.psp.charges.length;
      const reference = this.psp.charge(payment);
      if (this.psp.charges.length > before) this.charged.push(one);
      await payment.charged({ reference });
    });
    const outcome = await paid.then(
      () => end,
      (error: unknown) => error,
    );
    cycles.fault = () => undefined;
    if (one.diesAt !== undefined) await killWorkers(this.harness.records);
    if (one.diesAt !== undefined || end === "lost") await this.recover();
    return outcome;
  }

  async recover(): Promise<void> {
    const { unresolved, malformed } = await recover(otherWorker(this.harness), {
      abandonedAfterMs: 0,
      absentAfterMs: 0,
      lookupCharge: ({ pspIdempotencyKey: key }) => {
        const found = this.psp.charges.find((charge) => charge.key === key);
        return found ? { status: "charged", reference: found.id } : { status: "none" };
      },
    });
    expect([unresolved, malformed]).toEqual([0, []]);
  }

  /** Each purchase was charged once, each mandate used for one purchase, and the books have what was charged. */
  assertSound(): void {
    const transactions = this.charged.map(({ transactionId }) => transactionId);
    expect(new Set(transactions).size).toBe(transactions.length);
    for (const mandate of new Set(this.charged.flatMap(mandatesOf))) {
      expect(this.charged.filter((one) => mandatesOf(one).includes(mandate))).toHaveLength(1);
    }
    expect(BigInt(this.harness.cycles.spent)).toBe(this.psp.total);
  }

  /** What was never paid can be: a purchase under a fresh mandate, a mandate for a fresh purchase. */
  async assertNothingIsLost(): Promise<void> {
    const isPaid = (transactionId: string): boolean =>
      this.charged.some((charged) => charged.transactionId === transactionId);
    // Of what was lost nothing is proven: it stays where its PSP key is.
    const isOpen = new Set(
      this.tried.filter((one) => one.end === "lost" || one.diesAt).map((one) => one.transactionId),
    );
    for (const transactionId of new Set(this.tried.map((one) => one.transactionId))) {
      if (isPaid(transactionId) || isOpen.has(transactionId)) continue;
      expect(await this.run({ transactionId, mandate: `fresh for ${transactionId}`, end: "paid" })).toBe("paid");
    }
    const tried = this.tried.filter(({ mandate }) => mandate?.startsWith("fresh") !== true);
    for (const mandate of new Set(tried.flatMap((one) => one.mandate ?? []))) {
      const purchases = this.tried.filter((one) => one.mandate === mandate);
      if (purchases.some((one) => isPaid(one.transactionId))) continue;
      expect(await this.run({ transactionId: `fresh under ${mandate}`, mandate, end: "paid" })).toBe("paid");
    }
  }
}

function dying(records: RecordStore, { diesAt = 1, isApplied = false }: Try): RecordStore {
  let writes = 0;
  const write = async <Value>(apply: () => Promise<Value>): Promise<Value> => {
    writes += 1;
    if (writes < diesAt) return apply();
    if (writes === diesAt && isApplied) await apply();
    throw new Error("The store is gone.");
  };
  return {
    ...records,
    create: (...args) => write(() => records.create(...args)),
    replace: (...args) => write(() => records.replace(...args)),
    delete: (...args) => write(() => records.delete(...args)),
    read: async (key) => (writes < diesAt ? records.read(key) : Promise.reject(new Error("The store is gone."))),
  };
}

const form = {
  mandate: fc.option(fc.constantFrom("A", "B"), { nil: undefined }),
  // An open mandate may be linked to another one.
  checkout: fc.option(fc.constantFrom("c", "d", "A"), { nil: undefined, freq: 1 }),
  transactionId: fc.constantFrom("T1", "T2", "T3"),
};
const tries = fc.record({ ...form, end: fc.constantFrom<End>("paid", "declined", "aborted", "denied", "lost") });

/** Runs one try after the other: what was charged is sound throughout, and nothing that was never paid is lost. */
async function endsWell(picked: readonly Try[]): Promise<void> {
  const world = new World();
  for (const one of picked) await world.run(one);
  world.assertSound();
  await world.assertNothingIsLost();
  world.assertSound();
}

describe("purchases and mandates", () => {
  it("refused under a used mandate, a purchase is paid under a fresh one, which is used by that payment alone", async () => {
    const world = new World();
    expect(await world.run({ transactionId: "T0", mandate: "A", end: "paid" })).toBe("paid");
    expect(await world.run({ transactionId: "T", mandate: "A", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T", mandate: "B", end: "paid" })).toBe("paid");
    expect(await world.run({ transactionId: "T", mandate: "B", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T2", mandate: "B", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    world.assertSound();
  });

  it.each(["declined", "aborted", "denied"] as const)("%s under two mandates, a purchase uses neither", async (end) => {
    const world = new World();
    await world.run({ transactionId: "T", mandate: "A", end });
    await world.run({ transactionId: "T", mandate: "B", checkout: "c", end });
    expect(await world.run({ transactionId: "T2", mandate: "B", end: "paid" })).toBe("paid");
    expect(await world.run({ transactionId: "T3", mandate: "A", checkout: "c", end: "paid" })).toBe("paid");
    world.assertSound();
  });

  it("refused under its mandate, a purchase is not paid without it", async () => {
    const world = new World();
    await world.run({ transactionId: "T0", mandate: "A", end: "paid" });
    await world.run({ transactionId: "T", mandate: "A", checkout: "c", end: "paid" });
    expect(await world.run({ transactionId: "T", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T", checkout: "c", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T", mandate: "B", checkout: "c", end: "paid" })).toBe("paid");
    world.assertSound();
  });

  it("a purchase comes back to its own mandate when the record that kept it is used up", async () => {
    const world = new World();
    await world.run({ transactionId: "T", mandate: "A", end: "aborted" });
    await world.run({ transactionId: "T", mandate: "B", end: "aborted" });
    expect(await world.run({ transactionId: "T0", mandate: "A", end: "paid" })).toBe("paid");
    expect(await world.run({ transactionId: "T", mandate: "B", end: "paid" })).toBe("paid");
    expect(await world.run({ transactionId: "T", mandate: "C", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T2", mandate: "C", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    world.assertSound();
  });

  it("counts the settled copy that an earlier version wrote, except against the purchase that it is of", async () => {
    const world = new World();
    await world.run({ transactionId: "T", end: "declined" });
    await world.run({ transactionId: "T", mandate: "A", end: "declined" });
    for await (const { key, value, version } of world.harness.records.scan("ap2-payment:ap2:open_mandate:")) {
      const record = value as { readonly attempts: readonly object[] };
      const attempts = record.attempts.map((one) => {
        const entries = Object.entries(one).filter(([name]) => name !== "elsewhere");
        return Object.fromEntries(entries) as RecordValue;
      });
      await world.harness.records.replace(key, { ...record, attempts }, version);
    }
    expect(await world.run({ transactionId: "T2", mandate: "A", end: "paid" })).toBeInstanceOf(AP2AlreadyConsumed);
    expect(await world.run({ transactionId: "T", mandate: "A", end: "paid" })).toBe("paid");
    world.assertSound();
  });

  it("law: in any forms and with any ends, each is charged once, and what was never paid can be", async () => {
    await fc.assert(fc.asyncProperty(fc.array(tries, { minLength: 1, maxLength: 8 }), endsWell), { numRuns: 150 });
  });

  it("law: whichever write a worker dies at, each is charged once, and what was never tried since can be paid", async () => {
    const dies = fc.record({
      diesAt: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
      isApplied: fc.boolean(),
    });
    const deadly = fc.tuple(tries, dies).map(([one, death]) => ({ ...one, ...death }));
    await fc.assert(fc.asyncProperty(fc.array(deadly, { minLength: 1, maxLength: 6 }), endsWell), { numRuns: 150 });
  });
});

describe("claims that race", () => {
  const actor = fc.record({ ...form, holds: fc.nat(12), end: fc.constantFrom("paid", "declined", "withdrawn") });
  type Actor = typeof actor extends fc.Arbitrary<infer Value> ? Value : never;

  it("law: in any order of their reads and writes no purchase and no mandate is claimed twice", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(actor, { minLength: 2, maxLength: 5 }), async (scheduler, actors) => {
        const records = memoryRecordStore();
        const scheduled: RecordStore = {
          ...records,
          create: scheduler.scheduleFunction((...args) => records.create(...args)),
          read: scheduler.scheduleFunction((...args) => records.read(...args)),
          replace: scheduler.scheduleFunction((...args) => records.replace(...args)),
          delete: scheduler.scheduleFunction((...args) => records.delete(...args)),
        };
        const ledger = new PaymentLedger(scheduled, "http://ledger#tenant=acme", systemClock);
        const claimed = new Set<Actor>();
        const run = async (one: Actor): Promise<void> => {
          const attempt = await claimOf(ledger, one);
          if (attempt === undefined) return;
          for (const other of claimed) {
            expect(other.transactionId).not.toBe(one.transactionId);
            expect(mandatesOf(other).filter((mandate) => mandatesOf(one).includes(mandate))).toEqual([]);
          }
          claimed.add(one);
          for (let at = 0; at < one.holds; at++) await scheduler.schedule(Promise.resolve());
          if (one.end === "paid") return attempt.write({ phase: "settled" });
          claimed.delete(one);
          return one.end === "declined" ? attempt.write({ phase: "released", declined: true }) : attempt.withdraw();
        };
        const done = Promise.all(actors.map(run));
        const state = { isOver: false };
        void done.catch(() => {}).finally(() => (state.isOver = true));
        while (!state.isOver) {
          // Everybody comes to the next read or write; then one of them is made.
          await new Promise(setImmediate);
          if (scheduler.count() > 0) await scheduler.waitOne();
        }
        await done;
      }),
      { numRuns: 1_000 },
    );
  });

  async function claimOf(ledger: PaymentLedger, one: Form & { readonly transactionId: string }) {
    const { transactionId, mandate: openMandateHash } = one;
    const request = {
      scope: await scopeOf({ transactionId, ...(openMandateHash !== undefined && { openMandateHash }) }),
      links: mandatesOf(one),
      terms: { transactionId, amount: 1n, total: 1n },
      microcents: 1n,
      phase: "charging" as const,
      reserveBody: () => "{}",
    };
    return ledger.claim(request).then(
      (attempt): ClaimedAttempt => attempt,
      (error: unknown) => (AP2AlreadyConsumed.isInstance(error) ? undefined : Promise.reject(error as Error)),
    );
  }
});
