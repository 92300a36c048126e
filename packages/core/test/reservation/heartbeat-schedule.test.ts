import {
  ConnectionError,
  type Lease,
  ProtocolError,
  type Reservation,
  TimeoutError,
  openReservation,
  silentLogger,
} from "@imprest/core";
import { type FakeAuthority, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, request } from "./fixtures.ts";

const refused = (status: number, retryAfterMs?: number) =>
  new ProtocolError("no", { protocol: "fake", status, errorCode: "X", retryAfterMs });

interface Beats {
  readonly authority: FakeAuthority;
  readonly reservation: Reservation;
  /** When each extension was asked for, in milliseconds after the grant. */
  readonly at: number[];
  /** How far each was to reach, and what it was called with. */
  readonly asked: { readonly ms: number; readonly timeoutMs: number | undefined; readonly signal: AbortSignal }[];
  readonly warnings: unknown[][];
}

/** The time before a reservation is asked for does not count. */
const before = 7_000;

type Answer = Lease | Error | Promise<Lease>;

/** A reservation whose lease is extended by `answers` in turn (the last one repeats), granted after `rttMs`. */
async function beating(
  lease: Lease,
  answers: readonly (Answer | ((by: { ms: number }) => Answer))[],
  rttMs = 0,
  listening?: object,
) {
  const at: number[] = [];
  const asked: Beats["asked"] = [];
  const warn = vi.fn();
  const base = fakeAuthority({
    lease,
    environment: { logger: { ...silentLogger, warn } },
    reserve: [() => new Promise((resolve) => void base.clock.setTimer(() => resolve({}), rttMs))],
  });
  const { clock } = base;
  const authority: FakeAuthority = {
    ...base,
    ...(listening && { environment: { clock, ...listening } }),
    async extend(_grant, by, call) {
      at.push(clock.monotonic() - before - rttMs);
      asked.push({ ms: by.ms, timeoutMs: call?.timeoutMs, signal: call?.signal ?? AbortSignal.abort() });
      const turn = answers[Math.min(at.length, answers.length) - 1] ?? new Error("no answer");
      const answer = typeof turn === "function" ? turn(by) : turn;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  await clock.advance(before);
  const opening = openReservation(authority, request);
  await clock.advance(rttMs);
  const reservation = await opening;
  const beats: Beats = { authority, reservation, at, asked, warnings: warn.mock.calls };
  return beats;
}

const lost = new ConnectionError("reset");
const never = new Promise<Lease>(() => {});

describe("the first extension, where the authority says what remains (Cycles §extend)", () => {
  it.each([
    // ttl, remaining, round trip, bound of an attempt, first extension
    [30_000, 30_000, 0, 5_000, 19_000],
    [30_000, 60_000, 0, 5_000, 49_000],
    [60_000, 60_000, 0, 5_000, 49_000],
    [10_000, 10_000, 0, 2_250, 4_500],
    [5_003, 10_000, 0, 1_000, 7_000],
    [3_000, 4_000, 0, 1_000, 1_000],
    [3_000, 3_000, 0, 1_000, 0],
    [3_000, 500, 0, 1_000, 0],
    [30_000, 30_000, 400, 5_000, 18_600],
    [30_000, 30_000, 600, 5_000, 18_200],
    [30_000, 30_000, 3_000, 5_000, 9_000],
    [30_000, 500, 1_000, 5_000, 0],
  ])(
    "a lease of %i ms with %i ms left, granted in %i ms: bound by %i ms, after %i ms",
    async (ttlMs, remainingMs, rttMs, bound, first) => {
      const { authority, at, asked, reservation } = await beating({ ttlMs, remainingMs }, [never], rttMs);
      if (first > 0) {
        await authority.clock.advance(first - 1);
        expect(at).toEqual([]);
      }
      await authority.clock.advance(1);
      expect(at).toEqual([first]);
      expect(asked).toMatchObject([{ ms: ttlMs, timeoutMs: bound }]);
      await reservation.commit(cents(1));
    },
  );

  it("counts its own round trips too: the longest so far is kept in reserve", async () => {
    const slow = (authority: () => FakeAuthority) =>
      new Promise<Lease>((resolve) => {
        const answer = (): void => resolve({ ttlMs: 30_000, remainingMs: 30_000 });
        queueMicrotask(() => authority().clock.setTimer(answer, 4_000));
      });
    let found: FakeAuthority | undefined;
    const own = (): FakeAuthority => found as FakeAuthority;
    const beats = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [
      () => slow(own),
      { ttlMs: 30_000, remainingMs: 40_000 },
    ]);
    found = beats.authority;
    // After the answer at 23 s: 26 s of lead, less two attempts of 8 s and a margin of 8 s.
    for (let second = 0; second < 80; second += 1) await beats.authority.clock.advance(1_000);
    expect(beats.at.slice(0, 4)).toEqual([19_000, 25_000, 41_000, 57_000]);
    await beats.reservation.commit(cents(1));
  });
});

describe("an extension that fails while the lease still runs", () => {
  it("is repeated at shrinking waits as long as an attempt fits, and then the lease is lost", async () => {
    const { authority, at, warnings } = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [lost]);
    await authority.clock.advance(120_000);
    expect(at).toEqual([19_000, 21_750, 23_812, 24_000, 24_000]);
    const keys = new Set(authority.named("retry").map(({ idempotencyKey }) => idempotencyKey));
    expect(authority.named("retry")).toEqual(
      [2_750, 2_062, 188, 0].map((delayMs) => ({
        protocol: "fake",
        operation: "extend",
        reservationId: "rsv_1",
        idempotencyKey: [...keys][0],
        error: lost,
        delayMs,
      })),
    );
    expect(keys.size).toBe(1);
    const facts = { protocol: "fake", reservationId: "rsv_1" };
    expect(authority.named("lease-lost")).toEqual([{ ...facts, error: lost }]);
    expect(warnings).toEqual([["a lease can no longer be kept alive", { ...facts, error: "reset" }]]);
    expect(authority.clock.timers).toBe(0);
  });

  it("is repeated after half a minute at the latest, however much time is left", async () => {
    const { authority } = await beating({ ttlMs: 600_000, remainingMs: 600_000 }, [lost, never], 60_000);
    await authority.clock.advance(180_000);
    expect(authority.named("retry")).toMatchObject([{ delayMs: 30_000 }]);
  });

  it("waits as often as it succeeded in between: a success opens the window again", async () => {
    const lease = { ttlMs: 30_000, remainingMs: 30_000 };
    const { authority, at } = await beating(lease, [lost, lease, lost, lease, lost, never]);
    for (let second = 0; second < 70; second += 1) await authority.clock.advance(1_000);
    expect(at.slice(0, 6)).toEqual([19_000, 21_750, 40_750, 43_500, 62_500, 65_250]);
    expect(authority.named("lease-lost")).toEqual([]);
  });

  it("has no answer in time: the attempt's signal aborts, and it is repeated", async () => {
    const { authority, asked } = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [never]);
    await authority.clock.advance(23_999);
    expect(asked[0]?.signal.aborted).toBe(false);
    await authority.clock.advance(1);
    expect(asked[0]?.signal.aborted).toBe(true);
    const [{ error } = { error: undefined }] = authority.named("retry");
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ message: "An extension had no answer in time.", timeoutMs: 5_000 });
  });

  it.each<[string, Error, boolean]>([
    ["a 500", refused(500), true],
    ["a 499", refused(499), false],
    [
      "a code that may be retried",
      new ProtocolError("no", { protocol: "fake", errorCode: "X", retryable: true }),
      true,
    ],
    ["a refusal without a status", new ProtocolError("no", { protocol: "fake", errorCode: "X" }), false],
    ["a fault of the authority's code", new TypeError("x is not a function"), false],
    ["an error of nobody's with a status", Object.assign(new Error("x"), { status: 503 }), false],
  ])("with %s: repeated: %3$s", async (_what, error, repeats) => {
    const { authority } = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [error, never]);
    await authority.clock.advance(19_000);
    expect(authority.named("retry")).toHaveLength(repeats ? 1 : 0);
    expect(authority.named("lease-lost")).toHaveLength(repeats ? 0 : 1);
  });

  it("is not repeated where no whole attempt fits from the beginning", async () => {
    const { authority, at } = await beating({ ttlMs: 3_000, remainingMs: 1_500 }, [lost]);
    await authority.clock.advance(60_000);
    expect(at).toEqual([0]);
    expect(authority.named("retry")).toEqual([]);
    expect(authority.named("lease-lost")).toHaveLength(1);
  });

  it("with an answer that is none: the lease is lost, and somebody hears of it", async () => {
    const none = undefined as unknown as Lease;
    const { authority } = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [() => none]);
    await authority.clock.advance(60_000);
    expect(authority.named("lease-lost")).toMatchObject([
      { error: new Error("The authority extended and returned no lease.") },
    ]);
  });

  it("with what is no error: the lease is lost, and the reason says what failed", async () => {
    const { authority } = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [
      () => Promise.reject<Lease>("a string"),
    ]);
    await authority.clock.advance(19_000);
    expect(authority.named("lease-lost")).toMatchObject([{ error: new Error("extend failed") }]);
  });
});

describe("a throttled extension", () => {
  it.each([
    // remaining where it is stated; asked wait; the wait
    [30_000, 5_000, 5_000],
    [30_000, 5_001, undefined],
    [30_000, undefined, undefined],
    [undefined, 4_000, 4_000],
    [undefined, 86_400_000, 86_400_000],
    [undefined, undefined, undefined],
  ])("%o ms left, asked to wait %o ms: waits %o ms", async (remainingMs, retryAfterMs, delayMs) => {
    const lease = { ttlMs: 30_000, ...(remainingMs !== undefined && { remainingMs }) };
    const { authority } = await beating(lease, [refused(429, retryAfterMs), never]);
    await authority.clock.advance(19_000);
    expect(authority.named("retry").map((event) => event.delayMs)).toEqual(delayMs === undefined ? [] : [delayMs]);
    expect(authority.named("lease-lost")).toHaveLength(delayMs === undefined ? 1 : 0);
  });
});

describe("where nothing says what remains", () => {
  it.each([
    [20_000, 10_000],
    [1_000, 1_000],
    [200_000, 30_000],
  ])("a lease of %i ms is extended every %i ms, and after a failure in half the time", async (ttlMs, everyMs) => {
    const { authority, at, reservation } = await beating({ ttlMs }, [{ ttlMs }, { ttlMs }, lost, { ttlMs }]);
    await authority.clock.advance(everyMs * 4);
    expect(at).toEqual([everyMs, everyMs * 2, everyMs * 3, everyMs * 3.5]);
    await reservation.commit(cents(1));
  });

  it("an extension is left out while the granted ones reach one and a half times the last one ahead", async () => {
    let expiresAt = 20_000;
    const answer = () => ({ ttlMs: 20_000, expiresAt: (expiresAt += 60_000) });
    const { authority, at, reservation } = await beating({ ttlMs: 20_000, expiresAt }, [answer]);
    await authority.clock.advance(160_000);
    expect(at).toEqual([10_000, 20_000, 40_000, 100_000, 160_000]);
    expect(reservation.expiresAt).toBe(20_000 + 5 * 60_000);
    await reservation.commit(cents(1));
  });

  it("an authority that stops stating expiries is asked at every cadence again, however far the last one reached", async () => {
    const { authority, at, reservation } = await beating({ ttlMs: 20_000, expiresAt: 20_000 }, [
      { ttlMs: 20_000, expiresAt: 620_000 },
      { ttlMs: 20_000 },
    ]);
    await authority.clock.advance(50_000);
    expect(at).toEqual([10_000, 20_000, 30_000, 40_000, 50_000]);
    await reservation.commit(cents(1));
  });

  it("nothing is warned of, however long it goes on", async () => {
    const { authority, at, warnings, reservation } = await beating({ ttlMs: 20_000 }, [{ ttlMs: 20_000 }]);
    await authority.clock.advance(200_000);
    expect(at.length).toBeGreaterThan(9);
    expect(warnings).toEqual([]);
    await reservation.commit(cents(1));
  });

  it("an answer without an expiry keeps the one before it", async () => {
    const { authority, reservation } = await beating({ ttlMs: 20_000, expiresAt: 20_000 }, [{ ttlMs: 20_000 }]);
    await authority.clock.advance(10_000);
    expect(reservation.expiresAt).toBe(20_000);
    await reservation.commit(cents(1));
  });
});

describe("two successes in a row without time to wait", () => {
  const short = { ttlMs: 3_000, remainingMs: 3_000 };

  it("lose the lease, with the reason", async () => {
    const { authority, at } = await beating(short, [short]);
    await authority.clock.advance(60_000);
    expect(at).toEqual([0]);
    expect(authority.named("lease-lost")).toMatchObject([
      { error: new Error("The lease is shorter than a safe extension needs.") },
    ]);
    expect(authority.clock.timers).toBe(0);
  });

  it("do not where one between them had time", async () => {
    const { authority, at } = await beating(short, [{ ttlMs: 3_000, remainingMs: 4_000 }, short, never]);
    await authority.clock.advance(1_000);
    expect(at).toEqual([0, 1_000, 1_000]);
    expect(authority.named("lease-lost")).toEqual([]);
  });
});

describe("how far an extension reaches", () => {
  it("doubles from the fifth on, up to a quarter of an hour", async () => {
    const lease = { ttlMs: 60_000, remainingMs: 60_000 };
    const { authority, asked, reservation } = await beating(lease, [lease]);
    for (let minute = 0; minute < 10; minute += 1) await authority.clock.advance(60_000);
    const minutes = asked.map(({ ms }) => ms / 60_000);
    expect(minutes.slice(0, 10)).toEqual([1, 1, 1, 1, 2, 4, 8, 15, 15, 15]);
    await reservation.commit(cents(1));
  });

  it("is never less than the lease was", async () => {
    const lease = { ttlMs: 1_800_000, remainingMs: 20_000 };
    const { authority, asked, reservation } = await beating(lease, [lease]);
    await authority.clock.advance(100_000);
    expect(new Set(asked.map(({ ms }) => ms))).toEqual(new Set([1_800_000]));
    expect(asked.length).toBeGreaterThan(5);
    await reservation.commit(cents(1));
  });

  it.each([
    [90_000, 1],
    [90_001, 0],
  ])("is warned of once from the fifth on where %i ms of a minute's lease remain", async (remainingMs, warned) => {
    const { authority, at, warnings, reservation } = await beating({ ttlMs: 60_000, remainingMs: 12_000 }, [
      { ttlMs: 60_000, remainingMs },
    ]);
    while (at.length < 4) await authority.clock.advance(1_000);
    expect(warnings).toEqual([]);
    while (at.length < 7) await authority.clock.advance(1_000);
    const text = "the lead of a lease no longer grows; a long call may lose it";
    const line = [text, { reservationId: "rsv_1", extensions: 5, remainingMs }];
    expect(warnings).toEqual(warned === 1 ? [line] : []);
    await reservation.commit(cents(1));
  });
});

describe("after the settlement", () => {
  const lease = { ttlMs: 30_000, remainingMs: 30_000 };
  const answers: Record<string, (settle: (answer: Lease) => void, fail: (error: Error) => void) => void> = {
    "is granted": (settle) => settle(lease),
    fails: (_settle, fail) => fail(lost),
  };

  it.each(Object.keys(answers))("an extension under way is aborted, and begins nothing when it %s", async (how) => {
    let end = (): void => {};
    const under = new Promise<Lease>((resolve, reject) => {
      end = () => answers[how]?.(resolve, reject);
    });
    const { authority, asked, reservation } = await beating(lease, [under]);
    await authority.clock.advance(19_000);
    await reservation.commit(cents(1));
    expect(asked[0]?.signal.aborted).toBe(true);
    end();
    await authority.clock.advance(120_000);
    expect(asked).toHaveLength(1);
    expect(authority.clock.timers).toBe(0);
    for (const name of ["extend", "retry", "lease-lost"] as const) expect(authority.named(name)).toEqual([]);
  });
});

it("each extension that is granted is emitted with its lease", async () => {
  const lease = { ttlMs: 30_000, remainingMs: 30_000, expiresAt: 7 };
  const { authority, reservation } = await beating({ ttlMs: 30_000, remainingMs: 30_000 }, [lease]);
  await authority.clock.advance(19_000);
  expect(authority.named("extend")).toEqual([{ protocol: "fake", reservationId: "rsv_1", lease }]);
  expect(reservation.expiresAt).toBe(7);
  await reservation.commit(cents(1));
});

it("nobody has to listen: without an observer and a logger the schedule is the same", async () => {
  const lease = { ttlMs: 60_000, remainingMs: 60_000 };
  const answers = [lost, lease, lease, lease, lease, lease, lease, lost];
  const heard = await beating(lease, answers);
  const alone = await beating(lease, answers, 0, {});
  for (const { authority } of [heard, alone]) {
    for (let minute = 0; minute < 30; minute += 1) await authority.clock.advance(60_000);
    expect(authority.clock.timers).toBe(0);
  }
  expect(heard.authority.named("lease-lost")).toHaveLength(1);
  expect(heard.warnings).toHaveLength(2);
  expect(alone.at).toEqual(heard.at);
});
