import {
  ConfigurationError,
  ConnectionError,
  type Reservation,
  type ReservationOptions,
  SettlementError,
  SpendUnknownError,
  credits,
  openReservation,
  settlementQueue,
  withReservation,
} from "@imprest/core";
import { type FakeAuthority, committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, request } from "./fixtures.ts";

type Letter = readonly [kind: string, spent: bigint | undefined, reason: string];

async function letters(authority: FakeAuthority): Promise<Letter[]> {
  await settlementQueue(authority).flush({ timeoutMs: 1_000 });
  const found: Letter[] = [];
  for await (const { kind, spent, reason } of settlementQueue(authority).deadLetters.list()) {
    found.push([kind, spent?.amount, reason]);
  }
  return found;
}

/** What `call` throws, or rejects with. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

const nothingSays = "Nothing says what reservation rsv_1 spent, so nothing was settled.";

describe("each way to end a reservation, asked for after each other one", () => {
  const ends: Record<string, (reservation: Reservation) => unknown> = {
    committed: (reservation) => reservation.commit(cents(1)),
    released: (reservation) => reservation.release(),
    exported: (reservation) => reservation.export(),
    abandoned: (reservation) => reservation.commit().catch(() => {}),
  };
  const late = "The spend is kept as a dead letter.";
  const settled = "was called on a reservation that is already settled.";
  const asks: Record<string, [(reservation: Reservation) => unknown, string]> = {
    "unspent()": [(reservation) => reservation.unspent(), `unspent() ${settled}`],
    "spend()": [(reservation) => reservation.spend(cents(2)), `spend() ${settled} ${late}`],
    "commit()": [(reservation) => reservation.commit(), `commit() ${settled}`],
    "commit() of an amount": [(reservation) => reservation.commit(cents(2)), `commit() ${settled} ${late}`],
    "release()": [(reservation) => reservation.release(), `release() ${settled}`],
    "export()": [(reservation) => reservation.export(), `export() ${settled}`],
  };
  const same = new Set(["committed commit()", "released release()"]);
  const rows = Object.keys(ends).flatMap((end) => Object.keys(asks).map((ask) => [end, ask] as const));

  it.each(rows.filter(([end, ask]) => !same.has(`${end} ${ask}`)))("%s: %s says so", async (end, ask) => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request, { idempotencyKey: "k" });
    await ends[end]?.(reservation);
    const calls = [...authority.calls];
    const [call, message] = asks[ask] ?? [() => {}, ""];
    const error = await thrownBy(() => call(reservation));
    // Only after a release, and of what states nothing, is it sure that nothing was spent.
    const spendHappened = end !== "released" || message.endsWith(late);
    expect(error).toBeInstanceOf(SettlementError);
    expect(error).toMatchObject({ message, spendHappened, reservationId: "rsv_1", idempotencyKey: "k" });
    expect(authority.calls).toEqual(calls);
  });

  it.each([...same].map((row) => row.split(" ")))("%s: %s is the first one's answer", async (end = "", ask = "") => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    const first = await ends[end]?.(reservation);
    expect(await asks[ask]?.[0](reservation)).toBe(first);
    expect(authority.calls).toHaveLength(2);
  });
});

describe("what is stated after the end", () => {
  it.each<[string, (reservation: Reservation) => unknown, readonly bigint[]]>([
    ["a commit of three cents", (reservation) => reservation.commit(cents(3)), [1_000_000n, 2_000_000n]],
    ["a release", (reservation) => reservation.release(), [4_000_000n, 5_000_000n]],
    ["a spend that nobody knows", (reservation) => reservation.commit().catch(() => {}), [4_000_000n, 5_000_000n]],
  ])("beyond %s is one letter that grows, and shrinks by nothing", async (_what, end, [four, five]) => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    await end(reservation);
    const late = async () => (await letters(authority)).filter(([kind]) => kind === "late").map(([, spent]) => spent);
    const state = (wrong: unknown) => thrownBy(() => reservation.spend(wrong as ReturnType<typeof cents>));
    await state(cents(4));
    expect(await late()).toEqual([four]);
    await state(cents(5));
    for (const total of [cents(4), credits(9), { unit: "USD_MICROCENTS", amount: 9 }, undefined]) await state(total);
    expect(await late()).toEqual([five]);
  });

  it("within what was settled is no letter, and in words that are no amount is one without a sum", async () => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    await reservation.commit(cents(3));
    for (const total of [2, 3]) await thrownBy(() => reservation.spend(cents(total)));
    expect(await letters(authority)).toEqual([]);
    await thrownBy(() => reservation.spend(credits(9)));
    const reason = "The spend was stated after the reservation had ended.";
    expect(await letters(authority)).toEqual([["late", undefined, reason]]);
    const events = authority.named("dead-letter").map(({ error }) => error);
    expect(events).toMatchObject([{ name: "SettlementError", message: reason, spendHappened: true }]);
  });

  it("beyond what an unknown end had known is what the letter of the end lacks", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, { ...request, estimate: cents(9) });
    await openReservation(authority, request, { parent, nest: "within" });
    await expect(parent.commit(cents(1))).rejects.toThrow(SpendUnknownError);
    await thrownBy(() => parent.spend(cents(3)));
    expect(new Map((await letters(authority)).map(([kind, spent]) => [kind, spent]))).toEqual(
      new Map([
        ["late", 2_000_000n],
        ["spend-unknown", 1_000_000n],
      ]),
    );
  });
});

describe("what a reservation refuses before its end", () => {
  const facts = { name: "SettlementError", spendHappened: true, reservationId: "rsv_1" };

  it.each<[string, (reservation: Reservation) => unknown]>([
    ["unspent() was called after a spend was stated.", (reservation) => reservation.unspent()],
    ["release() was called after a spend was stated; commit what was spent.", (reservation) => reservation.release()],
    [
      "export() was called after a spend was stated, and the books would lose it; commit it.",
      (reservation) => reservation.export(),
    ],
  ])("%s", async (message, call) => {
    const authority = fakeAuthority();
    const reservation = await openReservation(authority, request);
    reservation.spend(cents(1));
    expect(await thrownBy(() => call(reservation))).toMatchObject({ ...facts, message });
    await expect(reservation.commit()).resolves.toMatchObject({ status: "committed" });
  });

  it("an export after a spend of nothing is one, and after words that are no amount is none", async () => {
    const free = await openReservation(fakeAuthority(), request);
    free.spend(cents(0));
    expect(free.export()).toContain("rsv_1");
    const unclear = await openReservation(fakeAuthority(), request);
    await thrownBy(() => unclear.spend(credits(1)));
    expect(() => unclear.export()).toThrow("the books would lose it");
  });

  it("an export where no authority keeps the reservation", async () => {
    const refuse = (): never => {
      throw new ConnectionError("refused");
    };
    const options = { failOpen: { reason: "test" } };
    const bypass = await openReservation(fakeAuthority({ reserve: [refuse] }), request, options);
    const parent = await openReservation(fakeAuthority(), request);
    const within = await openReservation(fakeAuthority(), request, { parent, nest: "within" });
    for (const reservation of [bypass, within]) {
      expect(() => reservation.export()).toThrow(ConfigurationError);
      expect(() => reservation.export()).toThrow(
        "No authority keeps this reservation (failOpen, or nest: within); export its parent.",
      );
    }
  });
});

describe("a spend that nobody knows", () => {
  it("says what would have known it, by how the body ended", async () => {
    const authority = fakeAuthority();
    const returned = "Call reservation.spend(), give options.spend, or choose settle: 'estimate'.";
    const failed = "Give options.partial, and options.unspent for errors after which nothing was billed.";
    await expect(withReservation(authority, request, () => 1)).rejects.toThrow(`${nothingSays} ${returned}`);
    const cause = new Error("boom");
    await expect(withReservation(authority, request, () => Promise.reject(cause))).rejects.toBe(cause);
    expect((await letters(authority)).map(([kind, , reason]) => [kind, reason])).toEqual([
      ["spend-unknown", `${nothingSays} ${returned}`],
      ["spend-unknown", `${nothingSays} ${failed}`.replace("rsv_1", "rsv_2")],
    ]);
    expect(authority.named("dead-letter")[1]).toMatchObject({
      protocol: "fake",
      reservationId: "rsv_2",
      error: { name: "SpendUnknownError", cause },
    });
  });
});

describe("leaseLoss", () => {
  const lease = { ttlMs: 30_000, remainingMs: 30_000 };
  const gone = new Error("gone");
  const losing = (settle?: "pending") =>
    fakeAuthority({
      lease,
      extend: [() => Promise.reject(gone)],
      ...(settle && { settle: [() => ({ retry: new Error("reset") })] }),
    });

  it("cancel: the signal aborts with the reason, whether it was read before or is read afterwards", async () => {
    for (const readBefore of [true, false]) {
      const authority = losing();
      const reservation = await openReservation(authority, request, { leaseLoss: "cancel" });
      const before = readBefore ? reservation.signal : undefined;
      await authority.clock.advance(19_000);
      expect(before?.aborted ?? true).toBe(true);
      expect(reservation.signal.reason).toBe(gone);
    }
  });

  it.each<ReservationOptions["leaseLoss"]>([undefined, "warn", "fail_on_finalize"])(
    "%s: no signal aborts",
    async (leaseLoss) => {
      const authority = losing();
      const reservation = await openReservation(authority, request, { leaseLoss });
      const { signal } = reservation;
      await authority.clock.advance(19_000);
      expect(authority.named("lease-lost")).toHaveLength(1);
      expect(signal.aborted).toBe(false);
    },
  );

  it("cancel, after the end: nothing is left that could be cancelled", async () => {
    const authority = losing("pending");
    const reservation = await openReservation(authority, request, { leaseLoss: "cancel" });
    const { signal } = reservation;
    await reservation.commit(cents(1));
    await authority.clock.advance(19_000);
    expect(authority.named("lease-lost")).toHaveLength(1);
    expect(signal.aborted).toBe(false);
  });

  it.each<[string, (reservation: Reservation) => Promise<unknown>, boolean, string]>([
    ["commit", (reservation) => reservation.commit(cents(1)), true, "committed"],
    ["release", (reservation) => reservation.release(), false, "released"],
  ])("fail_on_finalize: a %s reaches the authority and then throws", async (_end, end, spendHappened, status) => {
    const authority = losing();
    const reservation = await openReservation(authority, request, { leaseLoss: "fail_on_finalize" });
    await authority.clock.advance(19_000);
    await expect(end(reservation)).rejects.toMatchObject({
      name: "SettlementError",
      message: "The lease was lost while the body ran.",
      spendHappened,
      settlement: { status },
      cause: gone,
    });
    await expect(reservation.settlement).resolves.toMatchObject({ status });
  });
});

describe("throwOnRejected", () => {
  it("throws what was refused, with the settlement and its reason, and the value of the body", async () => {
    const authority = fakeAuthority({ settle: [() => ({ rejected: new Error("above the reserve") })] });
    const options = { throwOnRejected: true, spend: () => cents(1), idempotencyKey: "k" };
    const error = await thrownBy(() => withReservation(authority, request, () => "value", options));
    const message = "The commit was refused for good; the action happened, do not repeat it.";
    const ids = { reservationId: "rsv_1", idempotencyKey: "k" };
    expect(error).toMatchObject({ message, spendHappened: true, ...ids, value: "value" });
    expect(error).toMatchObject({ settlement: { status: "rejected", basis: "actual" } });
    expect(error).toMatchObject({
      cause: {
        message: "The commit of reservation rsv_1 was refused: above the reserve The spend is kept as a dead letter.",
        spendHappened: true,
        ...ids,
        cause: new Error("above the reserve"),
      },
    });
  });

  it("throws nothing for what is committed or pending", async () => {
    const options = { throwOnRejected: true, spend: () => cents(1) };
    const answers = [committed, () => ({ retry: new Error("reset") })];
    for (const settle of answers) {
      await withReservation(fakeAuthority({ settle: [settle] }), request, () => 1, options);
    }
  });
});

describe("the signal of a reservation", () => {
  it("follows the caller's and the parent's until the end, and leaves no listener behind", async () => {
    const authority = fakeAuthority();
    const caller = new AbortController();
    const added = vi.spyOn(caller.signal, "addEventListener");
    const removed = vi.spyOn(caller.signal, "removeEventListener");
    const parent = await openReservation(authority, request, { signal: caller.signal });
    const child = await openReservation(authority, request, { parent });
    const { signal } = child;
    await child.commit(cents(1));
    await parent.commit(cents(1));
    expect(added.mock.calls.length).toBe(removed.mock.calls.length);
    caller.abort(new Error("user left"));
    expect([parent.signal.aborted, signal.aborted]).toEqual([false, false]);
  });

  it("has the caller's reason, and is the same one at every reading", async () => {
    const caller = new AbortController();
    const parent = await openReservation(fakeAuthority(), request, { signal: caller.signal });
    const child = await openReservation(fakeAuthority(), request, { parent });
    const { signal } = child;
    expect(child.signal).toBe(signal);
    caller.abort(new Error("user left"));
    expect(signal.reason).toEqual(new Error("user left"));
    expect(parent.signal.reason).toEqual(new Error("user left"));
  });

  it.each<[string, (reservation: Reservation) => unknown]>([
    ["a commit", (reservation) => reservation.commit(cents(1))],
    ["a spend that nobody knows", (reservation) => reservation.commit().catch(() => {})],
    ["an export", (reservation) => reservation.export()],
  ])("after %s follows nobody, whenever it was read first", async (_end, end) => {
    for (const readBefore of [true, false]) {
      const caller = new AbortController();
      const reservation = await openReservation(fakeAuthority(), request, { signal: caller.signal });
      if (readBefore) expect(reservation.signal.aborted).toBe(false);
      await end(reservation);
      caller.abort();
      expect(reservation.signal.aborted).toBe(false);
    }
  });
});

describe("what the caller gets of the settlement", () => {
  const lost = () => ({ retry: new ConnectionError("reset") });

  it.each<[string, number]>([
    ["when the queue closes", Infinity],
    ["when its attempts are used up", 3],
  ])("a pending outcome is reported once, %s", async (_when, attempts) => {
    const onSettlement = vi.fn();
    const lease = { ttlMs: 600_000, remainingMs: 600_000 };
    const authority = fakeAuthority({
      settle: [lost],
      lease,
      extend: [() => lease],
      environment: { retries: { attempts } },
    });
    await withReservation(authority, request, () => 1, { spend: () => cents(1), onSettlement });
    await authority.clock.advance(20_000);
    await settlementQueue(authority).close({ timeoutMs: 0 });
    expect(onSettlement.mock.calls).toMatchObject([[{ status: "pending", basis: "actual" }]]);
    // Nobody keeps the lease alive for what this process does not follow any further.
    expect(authority.clock.timers).toBe(0);
  });

  it("an export is emitted at once, and no lease is kept alive", async () => {
    const onSettlement = vi.fn();
    const reservation = await openReservation(fakeAuthority(), request, { onSettlement, idempotencyKey: "k" });
    reservation.export();
    const settlement = { status: "exported", reservationId: "rsv_1", idempotencyKey: "k" };
    expect(onSettlement.mock.calls).toEqual([[settlement]]);
    expect(await reservation.settlement).toEqual(settlement);
  });

  it("an authority's own basis is left as it is, and a release has none", async () => {
    const authority = fakeAuthority({
      settle: [
        (instruction) => {
          const answer = committed(instruction);
          return "settled" in answer ? { settled: { ...answer.settled, basis: "estimate" } } : answer;
        },
        committed,
      ],
    });
    const first = await openReservation(authority, request);
    expect(await first.commit(cents(1))).toMatchObject({ basis: "estimate" });
    const second = await openReservation(authority, request);
    expect(await second.release()).not.toHaveProperty("basis");
  });
});

it("a reservation shows its lease's end where nothing extends it", async () => {
  const lease = { ttlMs: 30_000, expiresAt: 1_800_000_030_000 };
  const authority = fakeAuthority({ lease });
  const reservation = await openReservation(authority, request);
  expect(reservation.expiresAt).toBe(1_800_000_030_000);
  expect(authority.clock.timers).toBe(0);
});

it("methods taken off a reservation are those of it", async () => {
  const authority = fakeAuthority();
  const { unspent, export: exported } = await openReservation(authority, request);
  expect(exported).not.toThrow();
  expect(unspent).toThrow("already settled");
});
