import { tokens } from "@imprest/core";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Fact } from "../../src/ledger/facts.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import type { CreateBudget } from "../../src/ledger/operator.ts";
import type { RolloverPolicy } from "../../src/ledger/period-state.ts";
import { LedgerRefusal } from "../../src/ledger/refusal.ts";
import { FakeClock, MapStore } from "../support.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const scope = { tenant: "acme" };
const unit = "TOKENS";
const action = { kind: "test" };

type Period = CreateBudget["period"];
type Began = Extract<Fact, { kind: "periodBegan" }>;

let keys = 0;
const spend = (): { tenant: string; subject: typeof scope; action: typeof action; idempotencyKey: string } => {
  keys += 1;
  return { tenant: "acme", subject: scope, action, idempotencyKey: `key-${keys}` };
};

/** A ledger with one budget of 1,000 tokens, at the clock's own instant. */
class Bench {
  readonly clock = new FakeClock();
  readonly store = new MapStore();
  readonly facts: Fact[] = [];
  ledger: Ledger;

  constructor(at: string) {
    this.clock.jump(Date.parse(at) - this.clock.now());
    this.ledger = this.#open();
  }

  #open(): Ledger {
    const ledger = new Ledger({ clock: this.clock, store: this.store });
    ledger.listen((fact) => this.facts.push(fact));
    return ledger;
  }

  create(period: Period, more: Partial<CreateBudget> = {}): void {
    this.ledger.createBudget({ scope, allocated: tokens(1_000), period, ...more });
  }

  async restart(): Promise<void> {
    await this.ledger.close();
    this.ledger = this.#open();
  }

  reserve(amount: number, more: object = {}): string {
    const { reservation } = this.ledger.reserve({ ...spend(), estimate: tokens(amount), ttlMs: dayMs, ...more });
    return reservation?.id ?? "";
  }

  commit(reservationId: string, amount: number): bigint {
    keys += 1;
    const request = { tenant: "acme", reservationId, idempotencyKey: `key-${keys}`, actual: tokens(amount) };
    return this.ledger.commit(request).charged;
  }

  event(amount: number): bigint {
    return this.ledger.recordEvent({ ...spend(), actual: tokens(amount), overagePolicy: "REJECT" }).charged;
  }

  get books(): ReturnType<Ledger["getBudget"]> {
    return this.ledger.getBudget({ scope, unit });
  }

  get began(): Began[] {
    return this.facts.filter((fact) => fact.kind === "periodBegan");
  }
}

let bench: Bench;
afterEach(() => bench.ledger.close());

describe("a budget by the calendar", () => {
  it("begins anew at midnight of its zone, to the millisecond, on the day of 25 hours too", () => {
    bench = new Bench("2026-10-24T22:00:00Z");
    bench.create({ every: "day", timeZone: "Europe/Berlin" });
    bench.event(1_000);
    expect(() => bench.event(1)).toThrow(LedgerRefusal);
    bench.clock.advance(25 * hourMs - 1);
    expect(bench.books.remaining).toBe(0n);
    bench.clock.advance(1);
    expect(bench.books).toMatchObject({ remaining: 1_000n, spent: 0n });
    expect(bench.books.period).toEqual({
      startsAtMs: Date.parse("2026-10-25T23:00:00Z"),
      endsAtMs: Date.parse("2026-10-26T23:00:00Z"),
      allocation: 1_000n,
      every: "day",
      timeZone: "Europe/Berlin",
    });
  });

  it("emits the books at the end of a period and at the beginning of the next, once, without a request", () => {
    bench = new Bench("2026-03-07T10:00:00Z");
    bench.create({ every: "day", timeZone: "America/New_York" });
    bench.event(400);
    bench.clock.advance(19 * hourMs + 1);
    expect(bench.began).toHaveLength(1);
    expect(bench.began[0]).toMatchObject({
      before: { spent: 400n, remaining: 600n },
      after: { spent: 0n, remaining: 1_000n },
      startsAtMs: Date.parse("2026-03-08T05:00:00Z"),
      endsAtMs: Date.parse("2026-03-09T04:00:00Z"),
    });
  });

  it("takes a reservation over and charges it in the period in which it is committed", () => {
    bench = new Bench("2026-11-28T23:00:00Z");
    bench.create({ every: "day" });
    bench.event(500);
    const held = bench.reserve(300);
    bench.clock.advance(2 * hourMs);
    expect(bench.books).toMatchObject({ spent: 0n, reserved: 300n, remaining: 700n });
    expect(bench.commit(held, 200)).toBe(200n);
    expect(bench.books).toMatchObject({ spent: 200n, reserved: 0n, remaining: 800n });
  });

  it("forgives no debt, and forgives a charge that was capped", () => {
    bench = new Bench("2026-11-28T23:00:00Z");
    bench.create({ every: "day" }, { overdraftLimit: tokens(500), overagePolicy: "ALLOW_WITH_OVERDRAFT" });
    bench.commit(bench.reserve(1_000), 1_200);
    bench.clock.advance(dayMs);
    expect(bench.books).toMatchObject({ debt: 200n, spent: 0n, remaining: 800n });
    bench.ledger.repayDebt({ scope, amount: tokens(200) });
    bench.commit(bench.reserve(1_000, { overagePolicy: "ALLOW_IF_AVAILABLE" }), 1_500);
    expect(bench.books.isOverLimit).toBe(true);
    bench.clock.advance(dayMs);
    expect(bench.books.isOverLimit).toBe(false);
  });

  it("funds the current period alone", () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create({ every: "day" });
    bench.ledger.fundBudget({ scope, amount: tokens(500) });
    expect(bench.books.remaining).toBe(1_500n);
    bench.clock.advance(dayMs);
    expect(bench.books.remaining).toBe(1_000n);
  });

  it("is resized for this period and for each later one", () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create({ every: "day" });
    bench.event(1_000);
    bench.ledger.fundBudget({ scope, amount: tokens(200) });
    bench.ledger.resizeBudget({ scope, allocated: tokens(1_500) });
    expect(bench.books).toMatchObject({ allocated: 1_700n, spent: 1_000n });
    bench.clock.advance(dayMs);
    expect(bench.books).toMatchObject({ allocated: 1_500n, spent: 0n });
    expect(() => bench.ledger.resizeBudget({ scope, allocated: tokens(-1) })).toThrow(LedgerRefusal);
  });

  it("stays closed when its period would end", () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create({ every: "day" });
    bench.event(100);
    bench.ledger.closeBudget({ scope, unit });
    bench.clock.advance(3 * dayMs);
    expect(bench.books).toMatchObject({ status: "CLOSED", spent: 100n });
    expect(bench.began).toHaveLength(0);
  });
});

describe("unused budget", () => {
  const rows: readonly (readonly [RolloverPolicy, allocated: bigint, remaining: bigint])[] = [
    ["NONE", 1_000n, 700n],
    ["CARRY_FORWARD", 1_600n, 1_300n],
    ["CAP_AT_ALLOCATED", 1_300n, 1_000n],
  ];
  it.each(rows)("under %s makes an allocation of %d with 300 held", (rollover, allocated, remaining) => {
    bench = new Bench("2026-11-28T20:00:00Z");
    bench.create({ every: "day", rollover });
    bench.event(400);
    bench.reserve(300);
    bench.clock.advance(5 * hourMs);
    expect(bench.books).toMatchObject({ allocated, remaining, reserved: 300n });
  });

  it("of periods in which nobody asked is carried too, and cannot leave int64", async () => {
    bench = new Bench("2026-11-01T00:00:00Z");
    bench.create({ every: "day", rollover: "CARRY_FORWARD" });
    bench.event(1_000);
    await bench.ledger.close();
    bench.clock.stall(10 * dayMs);
    await bench.restart();
    expect(bench.books.allocated).toBe(10_000n);
    expect(bench.began).toHaveLength(1);
  });
});

describe("a period of one length", () => {
  it("begins again where it ended, as often as its length", () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    const startsAtMs = Date.parse("2026-11-01T00:00:00Z");
    bench.create({ startsAtMs, endsAtMs: startsAtMs + 10 * dayMs });
    expect(bench.books.period).toMatchObject({
      startsAtMs: startsAtMs + 20 * dayMs,
      endsAtMs: startsAtMs + 30 * dayMs,
    });
    bench.event(10);
    bench.clock.advance(3 * dayMs);
    expect(bench.books.spent).toBe(0n);
    expect(bench.books.period?.startsAtMs).toBe(startsAtMs + 30 * dayMs);
  });

  it.each([
    [{ startsAtMs: Date.parse("2026-11-28T10:00:01Z"), endsAtMs: Date.parse("2026-12-28T10:00:00Z") }, "startsAtMs"],
    [{ startsAtMs: 0, endsAtMs: 59_999 }, "endsAtMs"],
    [{ every: "fortnight" as "day" }, "period.every"],
    [{ every: "day", timeZone: "Mars/Olympus" } as const, "no time zone"],
    [{ every: "day", rollover: "KEEP" as "NONE" } as const, "period.rollover"],
    [{ rollingMs: 59_999 }, "rollingMs"],
  ])("is refused where it is none (%j)", (period, message) => {
    bench = new Bench("2026-11-28T10:00:00Z");
    expect(() => bench.create(period)).toThrow(message);
  });
});

describe("a rolling window", () => {
  it("lets a spend go one window and at most a sixtieth of it later", () => {
    bench = new Bench("2026-11-28T10:00:30Z");
    bench.create({ rollingMs: hourMs });
    bench.event(700);
    bench.clock.advance(30 * 60_000);
    bench.event(300);
    expect(bench.books.remaining).toBe(0n);
    bench.clock.advance(30 * 60_000 - 1);
    expect(bench.books.spent).toBe(1_000n);
    bench.clock.advance(60_001);
    expect(bench.books).toMatchObject({ spent: 300n, remaining: 700n });
    bench.clock.advance(hourMs);
    expect(bench.books.spent).toBe(0n);
  });

  it("keeps its slices through a restart, and holds them when the clock was set back meanwhile", async () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create({ rollingMs: dayMs });
    bench.event(600);
    bench.clock.jump(-10 * dayMs);
    await bench.restart();
    expect(bench.books.spent).toBe(600n);
    bench.clock.advance(dayMs / 2);
    expect(bench.books.spent).toBe(600n);
    bench.clock.advance(dayMs);
    expect(bench.books.spent).toBe(0n);
  });
});

describe("the clock", () => {
  it("begins a period early when it is set forward, and none again when it is set back", () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create({ every: "day" });
    bench.event(1_000);
    bench.clock.jump(30 * dayMs);
    expect(bench.books.remaining).toBe(1_000n);
    bench.event(1_000);
    bench.clock.jump(-30 * dayMs);
    expect(bench.books.remaining).toBe(0n);
    expect(bench.books.period?.startsAtMs).toBe(Date.parse("2026-11-28T00:00:00Z"));
    bench.clock.advance(14 * hourMs);
    expect(bench.books.remaining).toBe(1_000n);
  });

  it("begins no period twice when it trembles at the boundary", () => {
    bench = new Bench("2026-11-28T23:59:59.990Z");
    bench.create({ every: "day", rollover: "CARRY_FORWARD" });
    for (let tremble = 0; tremble < 5; tremble += 1) {
      bench.clock.jump(20);
      expect(bench.books.allocated).toBe(2_000n);
      bench.clock.jump(-20);
      expect(bench.books.allocated).toBe(2_000n);
    }
  });

  it("wakes a machine that slept through a boundary", () => {
    bench = new Bench("2026-11-28T23:00:00Z");
    bench.create({ every: "day" });
    bench.event(1_000);
    // The monotonic clock of a suspended machine stands still.
    bench.clock.jump(9 * hourMs);
    expect(bench.event(10)).toBe(10n);
  });
});

describe("a threshold of a budget with periods", () => {
  it("is announced once a period, whatever is given back meanwhile, and again in the next", async () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create({ every: "day" });
    const rising = (): unknown[] =>
      bench.facts.flatMap((fact) => (fact.kind === "thresholdCrossed" ? [[fact.threshold, fact.direction]] : []));
    const release = (reservationId: string): unknown =>
      bench.ledger.release({ tenant: "acme", reservationId, idempotencyKey: `release-${reservationId}` });
    for (let round = 0; round < 3; round += 1) release(bench.reserve(850));
    await bench.restart();
    release(bench.reserve(850));
    release(bench.reserve(960));
    expect(rising()).toEqual([
      [0.8, "rising"],
      [0.95, "rising"],
    ]);
    bench.clock.advance(dayMs);
    bench.event(1_000);
    expect(rising().slice(2)).toEqual([[1, "rising"]]);
    expect(bench.facts.filter(({ kind }) => kind === "exhausted")).toHaveLength(1);
  });
});

describe("the overage policy of a budget", () => {
  it("holds where a request does not say, and the innermost one counts", () => {
    bench = new Bench("2026-11-28T10:00:00Z");
    bench.create(undefined, { overagePolicy: "ALLOW_IF_AVAILABLE" });
    const agent = { tenant: "acme", agent: "a" };
    bench.ledger.createBudget({ scope: agent, allocated: tokens(500), overagePolicy: "REJECT" });
    const held = bench.reserve(10, { subject: agent });
    expect(() => bench.commit(held, 11)).toThrow("the overage policy is REJECT");
    expect(bench.commit(bench.reserve(10, { subject: agent, overagePolicy: "ALLOW_IF_AVAILABLE" }), 11)).toBe(11n);
    expect(bench.commit(bench.reserve(10), 11)).toBe(11n);
  });
});

// The law: whatever is done, by whatever clock, with the process ended and opened at any moment, what all periods have
// spent is what was charged, what is held is what is active, and every period begins with what its policy says.

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("reserve", "event"), amount: fc.nat({ max: 400 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("commit", "release"), amount: fc.nat({ max: 500 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("advance"), amount: fc.nat({ max: 14 * hourMs }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("jump"), amount: fc.integer({ min: -2 * dayMs, max: 2 * dayMs }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("boundary", "restart", "restart at boundary"), amount: fc.nat(2) }),
  },
);

const zone = fc.constantFrom("Europe/Berlin", "America/New_York");
// About the days on which one of the zones changes its clocks, either way, and a leap day.
const beginning = fc.constantFrom(
  "2026-03-28T20:00:00Z",
  "2026-10-24T20:00:00Z",
  "2026-03-07T20:00:00Z",
  "2026-10-31T20:00:00Z",
  "2028-02-28T12:00:00Z",
);
const period: fc.Arbitrary<Period> = fc.oneof(
  fc.record({
    every: fc.constantFrom("hour" as const, "day", "week", "month"),
    timeZone: zone,
    rollover: fc.constantFrom<RolloverPolicy>("NONE", "CARRY_FORWARD", "CAP_AT_ALLOCATED"),
  }),
  fc.constant({ startsAtMs: Date.parse("2026-01-01T00:00:00Z"), endsAtMs: Date.parse("2026-01-01T07:00:00Z") }),
);

describe("periods, whatever is done to a ledger", () => {
  it("lose nothing, double nothing, and follow each other", async () => {
    await fc.assert(
      fc.asyncProperty(period, beginning, fc.array(step, { maxLength: 60 }), async (rule, at, steps) => {
        bench = new Bench(at);
        bench.create(rule, { overagePolicy: "ALLOW_IF_AVAILABLE" });
        const open = new Map<string, bigint>();
        let charged = 0n;
        const attempt = (operation: () => void): void => {
          try {
            operation();
          } catch (error) {
            if (!(error instanceof LedgerRefusal)) throw error;
          }
        };
        for (const { do: what, amount } of steps) {
          const [oldest] = open.keys();
          if (what === "reserve") attempt(() => open.set(bench.reserve(amount), BigInt(amount)));
          if (what === "event") attempt(() => (charged += bench.event(amount)));
          if (what === "commit" && oldest !== undefined) attempt(() => (charged += bench.commit(oldest, amount)));
          if (what === "release" && oldest !== undefined) {
            attempt(() => bench.ledger.release({ tenant: "acme", reservationId: oldest, idempotencyKey: oldest }));
          }
          if (what === "commit" || what === "release") open.delete(oldest ?? "");
          if (what === "advance") bench.clock.advance(amount);
          if (what === "jump") bench.clock.jump(amount);
          if (what.endsWith("boundary")) {
            const left = (bench.books.period?.endsAtMs ?? 0) - bench.clock.now() + amount - 1;
            bench.clock.stall(Math.max(0, left));
          }
          if (what.startsWith("restart")) await bench.restart();
          const active = bench.ledger.listReservations({ tenant: "acme", status: "ACTIVE", limit: 200 }).rows;
          const held = active.reduce((sum, { reserved }) => sum + reserved, 0n);
          const { spent, reserved, allocated, remaining, debt } = bench.books;
          const ended = bench.began.reduce((sum, { before }) => sum + before.spent, 0n);
          expect(ended + spent).toBe(charged);
          expect(reserved).toBe(held);
          expect(remaining).toBe(allocated - spent - reserved - debt);
        }
        for (const { before, after } of bench.began) {
          const unused = before.allocated - before.spent;
          const rollover = rule !== undefined && "rollover" in rule ? rule.rollover : "NONE";
          if (rollover === "NONE") expect(after.allocated).toBe(1_000n);
          if (rollover === "CARRY_FORWARD") expect(after.allocated).toBeGreaterThanOrEqual(1_000n + unused);
          if (rollover === "CAP_AT_ALLOCATED") expect(after.remaining).toBeLessThanOrEqual(1_000n);
          expect(after).toMatchObject({ spent: 0n, reserved: before.reserved, debt: before.debt });
        }
        await bench.ledger.close();
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it("of a rolling window hold exactly what was charged within it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        bench = new Bench("2026-10-24T20:00:00Z");
        const lengthMs = 6 * hourMs;
        bench.create({ rollingMs: lengthMs });
        const charges: { readonly atMs: number; readonly amount: bigint }[] = [];
        for (const { do: what, amount } of steps) {
          if (what === "reserve" || what === "event") {
            try {
              charges.push({ atMs: bench.clock.now(), amount: bench.event(amount) });
            } catch (error) {
              if (!(error instanceof LedgerRefusal)) throw error;
            }
          }
          if (what === "advance") bench.clock.advance(amount % (4 * hourMs));
          if (what.startsWith("restart")) await bench.restart();
          const sumSince = (ms: number): bigint =>
            charges.reduce((sum, { atMs, amount: one }) => (atMs > ms ? sum + one : sum), 0n);
          const { spent } = bench.books;
          expect(spent).toBeGreaterThanOrEqual(sumSince(bench.clock.now() - lengthMs));
          expect(spent).toBeLessThanOrEqual(sumSince(bench.clock.now() - lengthMs - lengthMs / 60));
        }
        await bench.ledger.close();
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
