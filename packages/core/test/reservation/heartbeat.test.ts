import {
  ConnectionError,
  type Lease,
  ProtocolError,
  ResponseFormatError,
  openReservation,
  silentLogger,
  withReservation,
} from "@imprest/core";
import { describe, expect, it, vi } from "vitest";
import { fakeAuthority } from "@imprest/testing";
import { cents, request } from "./fixtures.ts";

const lease = (remainingMs: number, ttlMs = 30_000): Lease => ({ ttlMs, remainingMs });
const extends_ = (calls: readonly string[]) => calls.filter((call) => call === "extend").length;
const refused = (status: number, retryAfterMs?: number) =>
  new ProtocolError("no", { protocol: "fake", status, errorCode: "X", retryAfterMs });
const throwing = (error: Error) => (): never => {
  throw error;
};

describe("the heartbeat where remaining time is returned (Cycles §extend, primary algorithm)", () => {
  it("extends once per period, each time under a fresh key, and stops with the settlement", async () => {
    const authority = fakeAuthority({ lease: lease(30_000), extend: [() => lease(30_000)] });
    const reservation = await openReservation(authority, request);
    // Timeout 5 s and margin 1 s: 30 s − 2×5 s − 1 s = the first beat after 19 s.
    await authority.clock.advance(18_999);
    expect(extends_(authority.calls)).toBe(0);
    await authority.clock.advance(1);
    expect(extends_(authority.calls)).toBe(1);
    await authority.clock.advance(19_000);
    expect(extends_(authority.calls)).toBe(2);
    expect(new Set(authority.keys).size).toBe(3);
    await reservation.commit(cents(1));
    expect(authority.clock.timers).toBe(0);
  });

  it("a 10 s lease needs no priming extension", async () => {
    const authority = fakeAuthority({ lease: lease(10_000, 10_000), extend: [() => lease(10_000, 10_000)] });
    const reservation = await openReservation(authority, request);
    // Timeout 2.25 s: 10 s − 2×2.25 s − 1 s = 4.5 s.
    await authority.clock.advance(4_499);
    expect(extends_(authority.calls)).toBe(0);
    await authority.clock.advance(1);
    expect(extends_(authority.calls)).toBe(1);
    await reservation.release();
  });

  it("counts lead on the monotonic clock: a wall-clock jump changes nothing", async () => {
    const authority = fakeAuthority({ lease: lease(30_000), extend: [() => lease(30_000)] });
    const reservation = await openReservation(authority, request);
    authority.clock.jump(-3_600_000);
    await authority.clock.advance(18_999);
    authority.clock.jump(7_200_000);
    expect(extends_(authority.calls)).toBe(0);
    await authority.clock.advance(1);
    expect(extends_(authority.calls)).toBe(1);
    await reservation.release();
  });

  it.each([new ConnectionError("reset"), refused(503), new ResponseFormatError("odd")])(
    "%s: repeats the same extension under the same key",
    async (error) => {
      const authority = fakeAuthority({ lease: lease(30_000), extend: [throwing(error), () => lease(30_000)] });
      const reservation = await openReservation(authority, request);
      await authority.clock.advance(24_000);
      expect(extends_(authority.calls)).toBe(2);
      expect(authority.keys[1]).toBe(authority.keys[2]);
      expect(authority.named("retry")).toMatchObject([{ operation: "extend", reservationId: "rsv_1" }]);
      await reservation.release();
    },
  );

  it("stops and says so when no whole attempt fits before the lease may end", async () => {
    const authority = fakeAuthority({ lease: lease(30_000), extend: [throwing(new ConnectionError("reset"))] });
    const reservation = await openReservation(authority, request);
    await authority.clock.advance(120_000);
    expect(authority.named("lease-lost")).toHaveLength(1);
    expect(extends_(authority.calls)).toBeLessThan(10);
    expect(authority.clock.timers).toBe(0);
    await reservation.release();
  });

  it.each([[409], [404], [410], [401]])("a %i is final at once", async (status) => {
    const authority = fakeAuthority({ lease: lease(30_000), extend: [throwing(refused(status))] });
    const reservation = await openReservation(authority, request);
    await authority.clock.advance(120_000);
    expect(extends_(authority.calls)).toBe(1);
    expect(authority.named("lease-lost")).toMatchObject([{ reservationId: "rsv_1", error: { status } }]);
    await reservation.release();
  });

  it("a 429 waits just as long as asked when that fits, and stops when it does not or nothing is said", async () => {
    const attempts = async (retryAfterMs: number | undefined) => {
      const authority = fakeAuthority({
        lease: lease(30_000),
        extend: [throwing(refused(429, retryAfterMs)), () => lease(30_000)],
      });
      const reservation = await openReservation(authority, request);
      await authority.clock.advance(19_000 + 3_000);
      const count = extends_(authority.calls);
      await reservation.release();
      return count;
    };
    expect(await attempts(3_000)).toBe(2);
    expect(await attempts(3_001)).toBe(1);
    expect(await attempts(60_000)).toBe(1);
    expect(await attempts(undefined)).toBe(1);
  });

  it("two successes in a row without lead stop it: an extension budget is not burnt", async () => {
    const authority = fakeAuthority({ lease: lease(1_500, 2_000), extend: [() => lease(1_500, 2_000)] });
    const reservation = await openReservation(authority, request);
    await authority.clock.advance(60_000);
    expect(extends_(authority.calls)).toBe(1);
    expect(authority.named("lease-lost")).toHaveLength(1);
    await reservation.release();
  });
});

describe("the heartbeat where no answer says what remains", () => {
  it("beats at half the lease, never primes at once, and goes on after failures", async () => {
    const fieldless = { ttlMs: 20_000 };
    const authority = fakeAuthority({
      lease: fieldless,
      extend: [throwing(new ConnectionError("reset")), throwing(refused(503)), () => fieldless],
    });
    const reservation = await openReservation(authority, request);
    await authority.clock.advance(9_999);
    expect(extends_(authority.calls)).toBe(0);
    await authority.clock.advance(1);
    expect(extends_(authority.calls)).toBe(1);
    await authority.clock.advance(10_000);
    expect(extends_(authority.calls)).toBe(3);
    expect(new Set(authority.keys.slice(1)).size).toBe(1);
    await reservation.release();
  });
});

describe("when the lease is lost", () => {
  const lost = { lease: lease(30_000), extend: [throwing(refused(409))] };
  const waiting = (signal?: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      setTimeout(() => resolve("done"), 50);
    });

  it("warn: the body goes on and settles", async () => {
    const authority = fakeAuthority(lost);
    const run = withReservation(authority, request, ({ signal }) => waiting(signal), { spend: () => cents(1) });
    await authority.clock.advance(20_000);
    await expect(run).resolves.toMatchObject({ value: "done", settlement: { status: "committed" } });
  });

  it("cancel: the body's signal aborts", async () => {
    const authority = fakeAuthority(lost);
    const run = withReservation(authority, request, ({ signal }) => waiting(signal), { leaseLoss: "cancel" });
    await Promise.all([expect(run).rejects.toMatchObject({ status: 409 }), authority.clock.advance(20_000)]);
  });

  it("fail_on_finalize: the spend is committed, then it throws and carries the value", async () => {
    const authority = fakeAuthority(lost);
    const run = withReservation(authority, request, ({ signal }) => waiting(signal), {
      spend: () => cents(1),
      leaseLoss: "fail_on_finalize",
    });
    const failed = expect(run).rejects.toMatchObject({ name: "SettlementError", spendHappened: true, value: "done" });
    await authority.clock.advance(20_000);
    await failed;
    expect(authority.calls).toContain("commit");
  });
});

describe("the lease outlives the body while its commit is unresolved", () => {
  it("extends until the settlement is final", async () => {
    const authority = fakeAuthority({
      lease: lease(30_000),
      extend: [() => lease(30_000)],
      settle: [() => ({ retry: new ConnectionError("reset"), notBeforeMs: authority.clock.now() + 60_000 })],
    });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    await authority.clock.advance(59_000);
    expect(extends_(authority.calls)).toBe(3);
  });

  it("a spend that is unknown is left to its TTL at once", async () => {
    const authority = fakeAuthority({ lease: lease(30_000), extend: [() => lease(30_000)] });
    await withReservation(authority, request, () => 1).catch(() => {});
    await authority.clock.advance(120_000);
    expect(extends_(authority.calls)).toBe(0);
  });
});

describe("an authority that allows ten extensions", () => {
  /** Extends the lease from its end, as Cycles does, ten times. */
  function tenExtensions(leadIsHeld: boolean) {
    const asked: number[] = [];
    const warn = vi.fn();
    const base = fakeAuthority({
      lease: lease(60_000, 60_000),
      environment: { logger: { ...silentLogger, warn } },
      extend: [() => lease(60_000, 60_000)],
    });
    let endsAt = base.clock.monotonic() + 60_000;
    const authority: typeof base = {
      ...base,
      async extend(_grant, { ms }) {
        if (asked.push(ms) > 10) throw refused(409);
        endsAt = leadIsHeld ? base.clock.monotonic() + 60_000 : endsAt + ms;
        return { ttlMs: 60_000, remainingMs: endsAt - base.clock.monotonic() };
      },
    };
    return { authority, asked, warn };
  }

  it("keeps a call of twenty minutes alive: from the fifth extension on each asks for twice the last", async () => {
    const { authority, asked } = tenExtensions(false);
    const reservation = await openReservation(authority, request);
    for (let minute = 0; minute < 20; minute += 1) await authority.clock.advance(60_000);
    expect(asked.slice(0, 7)).toEqual([60_000, 60_000, 60_000, 60_000, 120_000, 240_000, 480_000]);
    expect(authority.named("lease-lost")).toEqual([]);
    await reservation.commit(cents(1));
    expect(authority.clock.timers).toBe(0);
  });

  it("is reported once where the lead stops growing, before the extensions are used up", async () => {
    const { authority, asked, warn } = tenExtensions(true);
    const reservation = await openReservation(authority, request);
    for (let minute = 0; minute < 5; minute += 1) await authority.clock.advance(60_000);
    expect(asked.length).toBeLessThan(10);
    expect(warn).toHaveBeenCalledTimes(1);
    await reservation.commit(cents(1));
  });
});
