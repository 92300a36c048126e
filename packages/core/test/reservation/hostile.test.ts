import {
  AbortedError,
  type Amount,
  ConnectionError,
  type Reservation,
  SpendUnknownError,
  memoryRecordStore,
  openReservation,
  settlementQueue,
  silentLogger,
  tokens,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import { asyncReservationContext } from "@imprest/core/node";
import { describe, expect, it, vi } from "vitest";
import { committed, fakeAuthority } from "@imprest/testing";
import { cents, committedAmounts, recordKeys, request } from "./fixtures.ts";

const lost = () => ({ retry: new ConnectionError("reset") });
const refused = () => ({ rejected: new Error("no") });
const part = (value: number) => ({ ...request, estimate: cents(value) });

async function letters(authority: ReturnType<typeof fakeAuthority>) {
  const found = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) found.push(letter);
  return found;
}

describe("one job's key used twice", () => {
  const options = { idempotencyKey: "job-1" };
  const same = [() => ({ id: "rsv_same" })];

  it("a release under way never stands for a later run's commit", async () => {
    const authority = fakeAuthority({ reserve: same, settle: [lost, committed] });
    const failing = withReservation(authority, request, () => Promise.reject(new Error("first run")), options);
    await expect(failing).rejects.toThrow("first run");
    await withReservation(authority, request, () => 1, { ...options, spend: () => cents(2) });
    await authority.clock.advance(60_000);
    expect(authority.settled.map(({ kind }) => kind)).toContain("commit");
  });

  it("two amounts are two settlements, and two dead letters when both are refused", async () => {
    const authority = fakeAuthority({ reserve: same, settle: [refused] });
    const run = (value: number) =>
      withReservation(authority, request, () => 1, { ...options, spend: () => cents(value) });
    await Promise.all([run(1), run(2)]);
    expect(committedAmounts(authority)).toHaveLength(2);
    expect((await letters(authority)).map(({ spent }) => spent)).toEqual([cents(1), cents(2)]);
  });

  it("the same amount twice is one settlement", async () => {
    const authority = fakeAuthority({ reserve: same, settle: [lost, committed] });
    const run = () => withReservation(authority, request, () => 1, { ...options, spend: () => cents(1) });
    await Promise.all([run(), run()]);
    await authority.clock.advance(60_000);
    expect(committedAmounts(authority)).toHaveLength(2);
    expect(new Set(committedAmounts(authority)).size).toBe(1);
    expect(await recordKeys(authority.records, "")).toEqual([]);
  });
});

describe("nested spend that has not settled", () => {
  const nest = "within" as const;

  it("makes a parent that throws unknown, with what is known as the least", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, part(5), async (parent) => {
      const child = await openReservation(authority, part(2), { parent, nest });
      child.spend(cents(2));
      throw new Error("boom");
    });
    await expect(run).rejects.toThrow("boom");
    expect(authority.calls).toEqual(["reserve"]);
    expect(await letters(authority)).toMatchObject([{ kind: "spend-unknown", spent: cents(2) }]);
  });

  it("keeps the parent from being released", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, part(5));
    await openReservation(authority, part(2), { parent, nest });
    await expect(parent.release()).rejects.toMatchObject({ spendHappened: true });
  });

  it("leaves its parent unknown, and is a dead letter of its own after that", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, part(5));
    const child = await openReservation(authority, part(2), { parent, nest });
    await expect(parent.commit(cents(1))).rejects.toThrow(SpendUnknownError);
    await expect(child.commit(cents(2))).resolves.toMatchObject({ status: "rejected" });
    expect(await letters(authority)).toMatchObject([{ kind: "spend-unknown", spent: cents(1) }, { spent: cents(2) }]);
  });

  it("is never lost to an amount that stands in: a partial price adds it, an estimate is at least what is known", async () => {
    const priced = fakeAuthority();
    const body = (authority: typeof priced) => async (parent: Awaited<ReturnType<typeof openReservation>>) => {
      await withReservation(authority, part(2), () => 1, { parent, nest, spend: () => cents(2) });
      throw new Error("boom");
    };
    await withReservation(priced, part(5), body(priced), { partial: () => cents(1) }).catch(() => {});
    expect(committedAmounts(priced)).toEqual(['{"amount":3000000,"basis":"estimate"}']);

    const estimated = fakeAuthority();
    const overshoot = withReservation(
      estimated,
      part(2),
      async (parent) => {
        await withReservation(estimated, part(1), () => {}, { parent, nest }).catch(() => {});
        parent.spend(cents(9));
      },
      { settle: "estimate" },
    );
    await overshoot;
    expect(committedAmounts(estimated)).toEqual(['{"amount":9000000,"basis":"estimate"}']);
  });

  it("a listener that asks to commit again settles nothing twice", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, part(5), async (parent) => {
      const child = await openReservation(authority, part(2), {
        parent,
        nest,
        onSettlement: () => void child.commit(cents(1)),
      });
      await child.commit(cents(1));
    });
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });

  it("a second commit of the same own total is the first one's answer", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, part(5));
    await withReservation(authority, part(1), () => 1, { parent, nest, spend: () => cents(1) });
    expect(await parent.commit(cents(2))).toBe(await parent.commit(cents(2)));
  });
});

describe("records and letters that somebody damaged", () => {
  it("an amount that is none is a malformed record, not a crash", async () => {
    const records = memoryRecordStore();
    const first = fakeAuthority({ records, settle: [lost] });
    await withReservation(first, request, () => 1, { spend: () => cents(1) });
    const [key = ""] = await recordKeys(records, "settlement:");
    const found = await records.read(key);
    await records.replace(
      key,
      { ...(found?.value as object), spent: { unit: "USD", amount: "1.5" } },
      found?.version ?? "",
    );
    const second = fakeAuthority({ records });
    expect(await settlementQueue(second).recover()).toEqual({ resumed: 0, malformed: 1 });
  });

  it("an unreadable letter does not hide the others", async () => {
    const authority = fakeAuthority({ settle: [refused] });
    await authority.records.create("dead-letter:fake:fake:test:x", 5);
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect((await letters(authority)).map(({ kind }) => kind).sort()).toEqual(["malformed", "refused"]);
  });

  it("a retried letter stays until its settlement is recorded or final", async () => {
    const base = memoryRecordStore();
    let broken = false;
    const records = {
      ...base,
      create: (key: string, value: Parameters<typeof base.create>[1]) =>
        broken && key.startsWith("settlement:") ? Promise.reject(new Error("disk full")) : base.create(key, value),
    };
    const authority = fakeAuthority({ records, settle: [refused, lost, committed] });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    broken = true;
    const [letter] = await letters(authority);
    await expect(settlementQueue(authority).deadLetters.retry(letter?.id ?? "")).resolves.toMatchObject({
      status: "pending",
    });
    expect(await letters(authority)).toHaveLength(1);
    await authority.clock.advance(60_000);
    expect(await letters(authority)).toEqual([]);
  });

  it("metadata that the wire refuses does not keep a spend out of the books", async () => {
    const authority = fakeAuthority();
    const plain = authority.prepare.bind(authority);
    const picky: typeof plain = (grant, intent, stamp) => {
      if (intent.kind === "commit" && intent.spend.metadata) throw new Error("metadata too large");
      return plain(grant, intent, stamp);
    };
    const run = withReservation(Object.assign(authority, { prepare: picky }), request, (reservation) =>
      reservation.spend(cents(1), {}, { metadata: { much: "too much" } }),
    );
    await expect(run).resolves.toMatchObject({ settlement: { status: "committed" } });
  });

  it.each([
    { latencyMs: 12.5 },
    { inputTokens: -1 },
    { outputTokens: 2 ** 53 },
    { modelVersion: 5 as unknown as string },
    { modelVersion: null as unknown as string },
    { inputTokens: Number.NaN },
  ])("a spend whose metrics no wire takes is committed without them: %o", async (metrics) => {
    const warn = vi.fn();
    const authority = fakeAuthority({ environment: { logger: { ...silentLogger, warn } } });
    const { settlement } = await withReservation(authority, request, (reservation) => {
      reservation.spend(cents(1), metrics);
    });
    expect(settlement).toMatchObject({ status: "committed", basis: "actual" });
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
    const isAbsent = Object.values(metrics).every((value) => value === null);
    expect(warn).toHaveBeenCalledTimes(isAbsent ? 0 : 1);
  });

  it.each<[string, unknown]>([
    ["another unit", tokens(40)],
    ["a negative amount", { unit: "USD_MICROCENTS", amount: -5n }],
    ["a plain number", 40],
    ["a number for a bigint", { unit: "USD_MICROCENTS", amount: 40 }],
    ["nothing", undefined],
  ])("a spend that is no amount (%s) is never released, and what partial says is committed", async (_what, wrong) => {
    const authority = fakeAuthority();
    const spending = (reservation: Reservation): void => reservation.spend(wrong as Amount);
    await expect(withReservation(authority, request, spending)).rejects.toThrow("spend");
    expect(authority.calls).toEqual(["reserve"]);
    expect(authority.named("dead-letter")).toHaveLength(1);
    await withReservation(authority, request, spending, { partial: "estimate" }).catch(() => {});
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
  });

  it("metadata whose getter throws is left out of a spend that is committed", async () => {
    const extras = {
      get metadata(): never {
        throw new Error("boom");
      },
    };
    const authority = fakeAuthority();
    await withReservation(authority, request, (reservation) => reservation.spend(cents(1), undefined, extras));
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });
});

describe("what prices a failed body", () => {
  const failing = (): never => {
    throw new Error("the body's own");
  };

  it.each<[string, unknown]>([
    ["another unit", tokens(40)],
    ["a negative amount", { unit: "USD_MICROCENTS", amount: -5n }],
    ["a plain number", 40],
    ["a number for a bigint", { unit: "USD_MICROCENTS", amount: 40 }],
    ["a promise", Promise.resolve(cents(1))],
  ])("a partial that gives no amount (%s) is not committed: the spend is a dead letter", async (_what, wrong) => {
    const authority = fakeAuthority();
    const run = withReservation(authority, request, failing, { partial: () => wrong as Amount });
    await expect(run).rejects.toThrow("the body's own");
    expect(authority.calls).toEqual(["reserve"]);
    expect(await letters(authority)).toMatchObject([{ kind: "spend-unknown" }]);
  });

  it("a detail of a commit whose getter throws does not keep its amount out of the books", async () => {
    const details = {
      inputTokens: 3,
      get latencyMs(): never {
        throw new Error("boom");
      },
    };
    const authority = fakeAuthority();
    await withReservation(authority, request, async (reservation) => reservation.commit(cents(1), details));
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });
});

describe("streams that are left at odd moments", () => {
  const spend = (usage: number) => (usage > 0 ? cents(usage) : undefined);
  const endless = (signals: AbortSignal[]) => (reservation: { readonly signal: AbortSignal }) => {
    signals.push(reservation.signal);
    return (async function* () {
      yield 1;
      await new Promise(() => {});
    })();
  };

  it("a reader that leaves during a read ends it at once, cancels the body and settles", async () => {
    const signals: AbortSignal[] = [];
    const lease = { ttlMs: 30_000, remainingMs: 30_000 };
    const authority = fakeAuthority({ lease, extend: [() => lease] });
    const stream = withReservationStream(authority, request, endless(signals), { spend });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const reading = iterator.next();
    await iterator.return?.();
    expect(await reading).toMatchObject({ done: true });
    expect(signals[0]?.aborted).toBe(true);
    expect(await stream.settlement).toMatchObject({ status: "committed" });
    expect(authority.clock.timers).toBe(0);
  });

  it("a web stream made of it can be cancelled while it waits", async () => {
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, endless([]), { spend });
    const iterator = stream[Symbol.asyncIterator]();
    const web = new ReadableStream<number>({
      pull: async (controller) => {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await iterator.return?.()),
    });
    const reader = web.getReader();
    await reader.read();
    await reader.cancel();
    expect(await stream.settlement).toMatchObject({ status: "committed" });
  });

  it("a reader that leaves while it opens: the body never runs and the grant is given back", async () => {
    let grant = (): void => {};
    const waiting = new Promise<object>((resolve) => {
      grant = () => resolve({});
    });
    const authority = fakeAuthority({ reserve: [() => waiting] });
    const body = vi.fn(async function* () {
      yield 1;
    });
    const stream = withReservationStream(authority, request, body, { spend });
    const iterator = stream[Symbol.asyncIterator]();
    const reading = iterator.next();
    await iterator.return?.();
    expect(await reading).toMatchObject({ done: true });
    await expect(stream.settlement).rejects.toThrow(AbortedError);
    grant();
    await vi.waitFor(() => expect(authority.calls).toEqual(["reserve", "release"]));
    expect(body).not.toHaveBeenCalled();
  });

  it("a source whose clean-up throws does not keep its spend from being settled", async () => {
    const authority = fakeAuthority();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: 2 }),
        return: (): never => {
          throw new Error("return broke");
        },
      }),
    };
    const stream = withReservationStream(authority, request, () => source, { spend });
    for await (const chunk of stream) if (chunk === 2) break;
    expect(await stream.settlement).toMatchObject({ status: "committed" });
  });

  it("a body that returned no stream has most likely been paid for: it is not released", async () => {
    const authority = fakeAuthority();
    const body = () => ({ choices: [] }) as unknown as AsyncIterable<number>;
    const stream = withReservationStream(authority, request, body, { spend, partial: "estimate" });
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow("stream: true");
    expect(authority.calls).toEqual(["reserve", "commit"]);
  });

  it("a generator body runs in its reservation's context", async () => {
    const authority = fakeAuthority();
    const nested = { ...authority, environment: { ...authority.environment, context: asyncReservationContext() } };
    const body = async function* () {
      await withReservation(nested, part(2), () => 1, { nest: "within", spend: () => cents(2) });
      yield 1;
    };
    const stream = withReservationStream(nested, part(5), body, { spend });
    for await (const chunk of stream) expect(chunk).toBe(1);
    await stream.settlement;
    expect(committedAmounts(authority)).toEqual(['{"amount":3000000,"basis":"actual"}']);
  });
});

describe("ends and waits", () => {
  it("close() ends the heartbeat of what it leaves pending", async () => {
    const lease = { ttlMs: 30_000, remainingMs: 30_000 };
    const authority = fakeAuthority({ lease, extend: [() => lease], settle: [lost] });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    await settlementQueue(authority).close({ timeoutMs: 0 });
    expect(authority.clock.timers).toBe(0);
  });

  it("after close() a settlement is still sent, with a signal that is not aborted", async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const authority = fakeAuthority({
      settle: [(instruction, signal) => (signals.push(signal), committed(instruction))],
    });
    await settlementQueue(authority).close({ timeoutMs: 0 });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(signals[0]?.aborted).toBe(false);
  });

  it("an async listener that rejects is no unhandled rejection", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const onSettlement = async () => {
      throw new Error("listener");
    };
    await withReservation(fakeAuthority(), request, () => 1, { spend: () => cents(1), onSettlement });
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("an abort while a bypass is recorded stops the body, and the letter goes", async () => {
    const base = memoryRecordStore();
    const controller = new AbortController();
    const records = {
      ...base,
      create: async (key: string, value: Parameters<typeof base.create>[1]) => {
        controller.abort();
        return base.create(key, value);
      },
    };
    const unreachable = (): never => {
      throw new ConnectionError("refused");
    };
    const authority = fakeAuthority({ records, reserve: [unreachable] });
    const body = vi.fn();
    const options = { failOpen: { reason: "test" }, signal: controller.signal };
    await expect(withReservation(authority, request, body, options)).rejects.toThrow(AbortedError);
    expect(body).not.toHaveBeenCalled();
    expect(await letters(authority)).toEqual([]);
  });

  it("an extension that hangs is given up in time, and the loss of the lease is emitted", async () => {
    const lease = { ttlMs: 30_000, remainingMs: 30_000 };
    const authority = fakeAuthority({ lease, extend: [() => new Promise(() => {})] });
    const reservation = await openReservation(authority, request, { leaseLoss: "cancel" });
    const { signal } = reservation;
    await authority.clock.advance(120_000);
    expect(authority.named("lease-lost")).toHaveLength(1);
    expect(signal.aborted).toBe(true);
    await reservation.release();
  });

  it("extensions whose expiries run far ahead are skipped where no answer says what remains", async () => {
    let expiresAt = 30_000;
    const authority = fakeAuthority({
      lease: { ttlMs: 30_000, expiresAt },
      extend: [() => ({ ttlMs: 30_000, expiresAt: (expiresAt += 30_000) })],
    });
    const reservation = await openReservation(authority, request);
    await authority.clock.advance(600_000);
    const extended = authority.calls.filter((call) => call === "extend").length;
    expect(extended).toBeLessThan(25);
    expect(expiresAt).toBeGreaterThan(600_000);
    expect(expiresAt).toBeLessThan(600_000 + 120_000);
    await reservation.release();
  });
});
