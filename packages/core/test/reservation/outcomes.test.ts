import {
  AbortedError,
  AuthorityUnreachableError,
  ConnectionError,
  DeniedError,
  ProtocolError,
  ResponseFormatError,
  SettlementError,
  SpendUnknownError,
  TimeoutError,
  type Settlement,
  type SettlementInstruction,
  settlementQueue,
  usd,
  withReservation,
} from "@imprest/core";
import { describe, expect, it, vi } from "vitest";
import { committed, fakeAuthority } from "@imprest/testing";
import { cents, committedAmounts, recordKeys, request } from "./fixtures.ts";

// Each row of the outcome table in ARCHITECTURE.md, in its order.

const refused = (status: number): ProtocolError =>
  new ProtocolError("no", { protocol: "fake", status, errorCode: "X" });
const throwing = (error: Error) => (): never => {
  throw error;
};

async function deadLetters(authority: ReturnType<typeof fakeAuthority>) {
  const letters = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) letters.push(letter);
  return letters;
}

describe("DENY", () => {
  it("never runs the body, even with failOpen", async () => {
    const body = vi.fn();
    const authority = fakeAuthority({ reserve: [throwing(new DeniedError("no", { reasonCode: "BUDGET_EXCEEDED" }))] });
    const run = withReservation(authority, request, body, { failOpen: { reason: "test" } });
    await expect(run).rejects.toMatchObject({ name: "DeniedError", reasonCode: "BUDGET_EXCEEDED" });
    expect(body).not.toHaveBeenCalled();
    expect(authority.calls).toEqual(["reserve"]);
    expect(authority.named("decision")).toMatchObject([{ decision: "DENY", reasonCode: "BUDGET_EXCEEDED" }]);
  });
});

describe("authority unreachable", () => {
  const unreachable = [new ConnectionError("refused"), new TimeoutError("slow", 10), refused(503), refused(500)];

  it.each(unreachable)("%s: asks once more under the same key, never runs, and carries the key", async (error) => {
    const body = vi.fn();
    const authority = fakeAuthority({ reserve: [throwing(error)] });
    const failure: unknown = await withReservation(authority, request, body).catch((caught: unknown) => caught);
    expect(AuthorityUnreachableError.isInstance(failure) && failure.idempotencyKey).toBe(authority.keys[0]);
    expect(authority.calls).toEqual(["reserve", "reserve"]);
    expect(new Set(authority.keys).size).toBe(1);
    expect(body).not.toHaveBeenCalled();
  });

  it("runs when the retry is answered", async () => {
    const authority = fakeAuthority({ reserve: [throwing(new ConnectionError("reset")), () => ({})] });
    const { value } = await withReservation(authority, request, () => 7, { spend: () => cents(1) });
    expect(value).toBe(7);
    expect(authority.calls).toEqual(["reserve", "reserve", "commit"]);
  });

  it.each(unreachable)("%s with failOpen: runs, and the spend is kept as a bypass", async (error) => {
    const authority = fakeAuthority({ reserve: [throwing(error)] });
    const { value, settlement } = await withReservation(authority, request, ({ decision }) => decision, {
      failOpen: { reason: "checkout must not stop" },
      spend: () => cents(1),
    });
    expect(value).toBe("BYPASS");
    expect(settlement.status).toBe("bypassed");
    expect(authority.calls).toEqual(["reserve", "reserve"]);
    expect(authority.named("bypass")).toMatchObject([{ reason: "checkout must not stop" }]);
    expect(await deadLetters(authority)).toMatchObject([
      { kind: "bypass", spent: cents(1), estimate: request.estimate },
    ]);
  });

  it("forgets a bypass that spent nothing, and keeps one that ended in the unknown", async () => {
    const authority = fakeAuthority({ reserve: [throwing(new ConnectionError("refused"))] });
    const failOpen = { reason: "test" };
    const broken = withReservation(authority, request, throwing(new Error("before")), {
      failOpen,
      unspent: () => true,
    });
    await expect(broken).rejects.toThrow("before");
    await vi.waitFor(async () => expect(await deadLetters(authority)).toEqual([]));
    await expect(withReservation(authority, request, () => 1, { failOpen })).rejects.toThrow(SpendUnknownError);
    expect(await deadLetters(authority)).toMatchObject([{ kind: "bypass", estimate: request.estimate }]);
  });

  it.each([
    ["401", refused(401)],
    ["403", refused(403)],
    ["400", refused(400)],
    ["429", refused(429)],
    ["a malformed answer", new ResponseFormatError("not JSON", { status: 200 })],
  ])("%s fails closed, failOpen or not", async (_name, error) => {
    const body = vi.fn();
    const authority = fakeAuthority({ reserve: [throwing(error)] });
    await expect(withReservation(authority, request, body, { failOpen: { reason: "test" } })).rejects.toThrow();
    expect(body).not.toHaveBeenCalled();
    expect(authority.named("bypass")).toEqual([]);
  });
});

describe("ALLOW arrives after the caller aborted", () => {
  it("rejects at once and releases when the grant comes", async () => {
    let grant = (): void => {};
    const waiting = new Promise<object>((resolve) => {
      grant = () => resolve({});
    });
    const body = vi.fn();
    const authority = fakeAuthority({ reserve: [() => waiting] });
    const controller = new AbortController();
    const run = withReservation(authority, request, body, { signal: controller.signal });
    controller.abort(new Error("user left"));
    await expect(run).rejects.toMatchObject({ name: "AbortedError", cause: new Error("user left") });
    expect(authority.calls).toEqual(["reserve"]);
    grant();
    await vi.waitFor(() => expect(authority.calls).toEqual(["reserve", "release"]));
    expect(body).not.toHaveBeenCalled();
  });

  it("an aborted signal reserves nothing", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, () => 1, { signal: AbortSignal.abort() });
    await expect(run).rejects.toThrow(AbortedError);
    expect(authority.calls).toEqual([]);
  });

  it("is not asked again when the first answer was lost", async () => {
    const controller = new AbortController();
    const lost = (): never => {
      controller.abort();
      throw new ConnectionError("reset");
    };
    const authority = fakeAuthority({ reserve: [lost, () => ({})] });
    await expect(withReservation(authority, request, () => 1, { signal: controller.signal })).rejects.toThrow(
      AbortedError,
    );
    await authority.clock.advance(60_000);
    expect(authority.calls).toEqual(["reserve"]);
  });
});

describe("caps that the caller does not honour", () => {
  const caps = [
    { name: "max_tokens", value: 400 },
    { name: "tool_denylist", value: ["shell"] },
  ];

  it("releases, denies, and never runs", async () => {
    const body = vi.fn();
    const authority = fakeAuthority({ caps });
    const run = withReservation(authority, request, body, { honours: ["max_tokens"] });
    await expect(run).rejects.toMatchObject({ name: "DeniedError", message: expect.stringContaining("tool_denylist") });
    await vi.waitFor(() => expect(authority.calls).toEqual(["reserve", "release"]));
    expect(body).not.toHaveBeenCalled();
  });

  it("runs when every cap is honoured", async () => {
    const authority = fakeAuthority({ caps });
    const { value } = await withReservation(authority, request, (reservation) => reservation.caps, {
      honours: ["max_tokens", "tool_denylist"],
      spend: () => cents(1),
    });
    expect(value).toEqual(caps);
  });
});

describe("the body returns", () => {
  it("commits what options.spend read from the value", async () => {
    const authority = fakeAuthority();
    const { value, settlement } = await withReservation(authority, request, async () => ({ cost: cents(1) }), {
      spend: ({ cost }) => cost,
    });
    expect(value).toEqual({ cost: cents(1) });
    expect(settlement).toMatchObject({ status: "committed", basis: "actual" });
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
    expect(await recordKeys(authority.records, "")).toEqual([]);
  });

  it("commits what reservation.spend() said last", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, request, (reservation) => {
      reservation.spend(cents(1));
      reservation.spend(cents(3), { outputTokens: 12 });
    });
    expect(committedAmounts(authority)).toEqual(['{"amount":3000000,"basis":"actual"}']);
  });

  it("settle: 'estimate' commits the estimate and marks it as one", async () => {
    const authority = fakeAuthority();
    const { settlement } = await withReservation(authority, request, () => "done", { settle: "estimate" });
    expect(settlement).toMatchObject({ status: "committed", basis: "estimate" });
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
  });

  it("unspent: releases, and returns the value", async () => {
    const authority = fakeAuthority();
    const { value, settlement } = await withReservation(authority, request, ({ unspent }) => {
      unspent();
      return "cached";
    });
    expect([value, settlement.status]).toEqual(["cached", "released"]);
    expect(authority.calls).toEqual(["reserve", "release"]);
  });

  it("awaits an asynchronous options.spend", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, request, () => "done", { spend: async () => cents(1) });
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });

  it("possible: nothing is sent, SpendUnknownError carries the value and the grant", async () => {
    const authority = fakeAuthority({
      lease: { ttlMs: 30_000, remainingMs: 30_000 },
      extend: [() => ({ ttlMs: 30_000 })],
    });
    const run = withReservation(authority, request, () => "precious");
    const error: unknown = await run.catch((caught: unknown) => caught);
    expect(SpendUnknownError.isInstance(error) && [error.value, error.grant.id]).toEqual(["precious", "rsv_1"]);
    expect(JSON.stringify(error)).not.toContain("precious");
    expect(authority.calls).toEqual(["reserve"]);
    expect(await deadLetters(authority)).toMatchObject([{ kind: "spend-unknown", reservationId: "rsv_1" }]);
    expect(authority.clock.timers).toBe(0);
  });

  it("a price function that throws leaves the spend unknown and keeps the value", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, () => "precious", { spend: throwing(new Error("no price")) });
    await expect(run).rejects.toMatchObject({
      name: "SpendUnknownError",
      value: "precious",
      cause: new Error("no price"),
    });
  });
});

describe("the body throws", () => {
  const boom = new Error("boom");

  const unspent = (error: unknown) => error === boom;

  it("unspent: rethrows at once while the release goes on in the background, retried", async () => {
    const authority = fakeAuthority({ settle: [() => ({ retry: new ConnectionError("reset") }), committed] });
    await expect(withReservation(authority, request, throwing(boom), { unspent })).rejects.toBe(boom);
    await authority.clock.advance(30_000);
    expect(authority.calls).toEqual(["reserve", "release", "release"]);
    expect(authority.settled[0]?.body).toBe(authority.settled[1]?.body);
  });

  it("unspent: a release that hangs does not hold up the caller's error", async () => {
    const authority = fakeAuthority({ settle: [() => new Promise(() => {})] });
    await expect(withReservation(authority, request, throwing(boom), { unspent })).rejects.toBe(boom);
  });

  it("unspent() before the throw: released, as options.unspent would have it", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, (reservation) => {
      reservation.unspent();
      throw boom;
    });
    await expect(run).rejects.toBe(boom);
    await vi.waitFor(() => expect(authority.calls).toEqual(["reserve", "release"]));
  });

  it.each<[string, (error: unknown) => boolean]>([
    ["says no", () => false],
    ["throws", throwing(new Error("classifier"))],
  ])("options.unspent that %s leaves the spend possible", async (_name, saysUnspent) => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, throwing(boom), { unspent: saysUnspent });
    await expect(run).rejects.toBe(boom);
    expect(authority.calls).toEqual(["reserve"]);
    expect(await deadLetters(authority)).toMatchObject([{ kind: "spend-unknown" }]);
  });

  it("options.unspent never takes back a spend that was stated", async () => {
    const authority = fakeAuthority();
    const run = withReservation(
      authority,
      request,
      (reservation) => {
        reservation.spend(cents(1));
        throw boom;
      },
      { unspent: () => true },
    );
    await expect(run).rejects.toBe(boom);
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });

  it("partial gets the error", async () => {
    const authority = fakeAuthority();
    const partial = vi.fn(() => cents(1));
    await withReservation(authority, request, throwing(boom), { partial }).catch(() => {});
    expect(partial).toHaveBeenCalledWith([], boom);
  });

  it("possible, partial: 'estimate': commits the estimate, then rethrows", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, throwing(boom), { partial: "estimate" });
    await expect(run).rejects.toBe(boom);
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
  });

  it("possible, no partial: nothing is sent and the reservation is dead-lettered", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, throwing(boom));
    await expect(run).rejects.toBe(boom);
    expect(authority.calls).toEqual(["reserve"]);
    expect(await deadLetters(authority)).toMatchObject([{ kind: "spend-unknown" }]);
    expect(authority.named("dead-letter")).toHaveLength(1);
  });

  it("known: commits it, then rethrows", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, (reservation) => {
      reservation.spend(cents(1));
      throw boom;
    });
    await expect(run).rejects.toBe(boom);
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });
});

describe("the commit is ambiguous", () => {
  it("is recorded before the first send, pending, and retried with the same key and bytes", async () => {
    const recorded: string[][] = [];
    const authority = fakeAuthority({
      settle: [
        async () => {
          recorded.push(await recordKeys(authority.records, "settlement:"));
          return { retry: new TimeoutError("slow", 10) };
        },
        () => ({ retry: refused(503) }),
        committed,
      ],
    });
    const outcomes: Settlement["status"][] = [];
    const { settlement } = await withReservation(authority, request, () => 1, {
      spend: () => cents(1),
      onSettlement: ({ status }) => outcomes.push(status),
    });
    expect(settlement).toMatchObject({ status: "pending", error: { name: "TimeoutError" } });
    expect(recorded).toEqual([[`settlement:fake:fake:test:rsv_1:${authority.keys[0]}:commit:1000000`]]);
    await authority.clock.advance(60_000);
    expect(authority.calls).toEqual(["reserve", "commit", "commit", "commit"]);
    expect(new Set(authority.settled.map(({ body, idempotencyKey }) => body + idempotencyKey)).size).toBe(1);
    expect(outcomes).toEqual(["pending", "committed"]);
    expect(await recordKeys(authority.records, "")).toEqual([]);
    expect(authority.clock.timers).toBe(0);
  });

  it("keeps to the authority's not-before and records it", async () => {
    const authority = fakeAuthority({
      settle: [() => ({ retry: refused(429), notBeforeMs: authority.clock.now() + 90_000 }), committed],
    });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    for await (const { value } of authority.records.scan("settlement:")) {
      expect((value as unknown as SettlementInstruction).notBeforeMs).toBe(authority.clock.now() + 90_000);
    }
    await authority.clock.advance(89_000);
    settlementQueue(authority).wake();
    await authority.clock.advance(0);
    expect(authority.calls).toEqual(["reserve", "commit"]);
    await authority.clock.advance(2_000);
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
  });

  it("is never released, however long it lasts", async () => {
    const authority = fakeAuthority({ settle: [() => ({ retry: refused(401) })] });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    await authority.clock.advance(3_600_000);
    expect(authority.calls).not.toContain("release");
    expect(settlementQueue(authority).pending).toBe(1);
    expect(await recordKeys(authority.records, "settlement:")).toHaveLength(1);
  });
});

describe("the commit is refused for good", () => {
  const settle = [() => ({ rejected: refused(409) })];

  it("dead-letters it and returns the value with status rejected", async () => {
    const authority = fakeAuthority({ settle });
    const { value, settlement } = await withReservation(authority, request, () => "done", { spend: () => cents(1) });
    expect(value).toBe("done");
    expect(settlement.status).toBe("rejected");
    expect(settlement.error).toMatchObject({ name: "SettlementError", spendHappened: true, reservationId: "rsv_1" });
    expect(await deadLetters(authority)).toMatchObject([{ kind: "refused", spent: cents(1) }]);
    expect(await recordKeys(authority.records, "settlement:")).toEqual([]);
    expect(authority.named("dead-letter")).toHaveLength(1);
  });

  it("throwOnRejected: an exception that carries the value", async () => {
    const authority = fakeAuthority({ settle });
    const run = withReservation(authority, request, () => "done", { spend: () => cents(1), throwOnRejected: true });
    await expect(run).rejects.toMatchObject({ name: "SettlementError", spendHappened: true, value: "done" });
  });

  it("what prepare refuses to write is dead-lettered too", async () => {
    const authority = fakeAuthority({ prepare: throwing(new Error("metadata too large")) });
    const { settlement } = await withReservation(authority, request, () => "done", { spend: () => cents(1) });
    expect(settlement.status).toBe("rejected");
    expect(await deadLetters(authority)).toMatchObject([{ kind: "refused", spent: cents(1) }]);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("an operator's retry sends the same bytes again and clears the letter", async () => {
    const authority = fakeAuthority({ settle: [...settle, committed] });
    await withReservation(authority, request, () => "done", { spend: () => cents(1) });
    const queue = settlementQueue(authority);
    const [letter] = await deadLetters(authority);
    await expect(queue.deadLetters.retry(letter?.id ?? "")).resolves.toMatchObject({ status: "committed" });
    expect(await deadLetters(authority)).toEqual([]);
    expect(authority.settled[0]?.body).toBe(authority.settled[1]?.body);
  });

  it("discards a letter, and refuses to retry one that cannot be sent", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, request, () => 1).catch(() => {});
    const queue = settlementQueue(authority);
    const id = (await deadLetters(authority))[0]?.id ?? "";
    await expect(queue.deadLetters.retry(id)).rejects.toThrow(SettlementError);
    await expect(queue.deadLetters.retry("dead-letter:fake:other:x")).rejects.toThrow("names no dead letter");
    expect(await queue.deadLetters.discard(id)).toBe(true);
    expect(await queue.deadLetters.discard(id)).toBe(false);
  });
});

describe("the reservation expired", () => {
  it("takes the late path, recorded before it is sent", async () => {
    const recorded: unknown[] = [];
    const authority = fakeAuthority({
      settle: [
        (instruction) => ({ next: { ...instruction, mode: "event", body: "late" } }),
        async (instruction) => {
          for await (const { value } of authority.records.scan("settlement:")) recorded.push(value);
          return { settled: { ...instruction, status: "recorded" } };
        },
      ],
    });
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(settlement.status).toBe("recorded");
    expect(recorded).toMatchObject([{ mode: "event", body: "late", spent: { amount: "1000000" } }]);
    expect(authority.calls).toEqual(["reserve", "commit", "event"]);
  });

  it("two ends that send each other round end as pending, not in a loop", async () => {
    const authority = fakeAuthority({ settle: [(instruction) => ({ next: instruction })] });
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(settlement.status).toBe("pending");
    expect(authority.calls.length).toBeLessThan(8);
  });
});

describe("the record cannot be written", () => {
  it("is sent anyway and flagged", async () => {
    const failing = async (): Promise<never> => {
      throw new Error("disk full");
    };
    const records = { ...fakeAuthority().records, create: failing, replace: failing };
    const authority = fakeAuthority({ records });
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(settlement.status).toBe("committed");
    expect(authority.named("record-failure")).toMatchObject([
      { reservationId: "rsv_1", error: new Error("disk full") },
    ]);
  });

  it("a refused commit whose letter cannot be written leaves its record for the next process", async () => {
    const base = fakeAuthority().records;
    const records = {
      ...base,
      create: (key: string, value: Parameters<typeof base.create>[1]) =>
        key.startsWith("dead-letter:") ? Promise.reject(new Error("disk full")) : base.create(key, value),
    };
    const authority = fakeAuthority({ records, settle: [() => ({ rejected: refused(409) })] });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(await recordKeys(records, "settlement:")).toHaveLength(1);
  });
});

describe("requests are checked before anything is sent", () => {
  it.each([
    [{ ...request, estimate: 5 }, "/estimate"],
    [{ ...request, estimate: { unit: "USD_MICROCENTS", amount: 5 } }, "/estimate/amount"],
    [{ ...request, estimate: usd("-1") }, "/estimate/amount"],
    [{ ...request, action: { kind: "" } }, "/action/kind"],
    [{ ...request, ttlMs: 0.5 }, "/ttlMs"],
    [{ ...request, nest: "within" }, "/nest"],
  ])("%o names %s", async (wrong, pointer) => {
    const authority = fakeAuthority();
    const run = withReservation(authority, wrong as typeof request, () => 1);
    await expect(run).rejects.toMatchObject({
      name: "ValidationError",
      issues: [expect.objectContaining({ pointer })],
    });
    expect(authority.calls).toEqual([]);
  });
});
