import {
  type Amount,
  type BodyOptions,
  ConfigurationError,
  ConnectionError,
  DeniedError,
  type Reservation,
  SpendUnknownError,
  type StreamSource,
  TimeoutError,
  guard,
  guardStream,
  openReservation,
  settlementQueue,
  silentLogger,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { type FakeAuthority, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, committedAmounts, request } from "./fixtures.ts";

const boom = new Error("boom");
const throwing = (error: unknown) => (): never => {
  throw error;
};
const nest = "within" as const;
const part = (value: number) => ({ ...request, estimate: cents(value) });

async function letters(authority: FakeAuthority) {
  await settlementQueue(authority).flush({ timeoutMs: 1_000 });
  const found = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) found.push(letter);
  return found;
}

/** Runs `body` to its end and returns what came of it. */
async function outcome<Value>(
  authority: FakeAuthority,
  body: (reservation: Reservation) => Value | Promise<Value>,
  options: BodyOptions<Value> = {},
) {
  return withReservation(authority, request, body, options).then(
    ({ settlement, value }) => ({ settlement, value, error: undefined }),
    (error: unknown) => ({ settlement: undefined, value: undefined, error }),
  );
}

async function readAll<Chunk>(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const read: Chunk[] = [];
  for await (const chunk of stream) read.push(chunk);
  return read;
}

describe("a body that settles by hand and returns", () => {
  it("has its settlement, and is asked for no price", async () => {
    const authority = fakeAuthority();
    const spend = vi.fn(() => cents(9));
    const { settlement, value } = await outcome(authority, async ({ commit }) => (await commit(cents(1)), "done"), {
      spend,
    });
    expect([value, settlement?.status]).toEqual(["done", "committed"]);
    expect(spend).not.toHaveBeenCalled();
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });

  it("and throws: what it threw goes on, and nothing is settled again", async () => {
    const authority = fakeAuthority();
    const unspent = vi.fn(() => true);
    const body = async ({ commit }: Reservation): Promise<never> => {
      await commit(cents(1));
      throw boom;
    };
    expect((await outcome(authority, body, { unspent, partial: "estimate" })).error).toBe(boom);
    expect(unspent).not.toHaveBeenCalled();
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(await letters(authority)).toEqual([]);
  });
});

describe("a price function", () => {
  it.each<[string, (reservation: Reservation) => Amount | Promise<Amount>]>([
    ["that settles by itself", ({ commit }) => commit(cents(1)).then(() => cents(9))],
    ["that settles by itself and throws", ({ commit }) => commit(cents(1)).then(() => Promise.reject(boom))],
  ])("%s has the last word", async (_what, price) => {
    const authority = fakeAuthority();
    let own: Reservation | undefined;
    const body = (reservation: Reservation): Reservation => (own = reservation);
    const { settlement } = await outcome(authority, body, { spend: () => own && price(own) });
    expect(settlement).toMatchObject({ status: "committed" });
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
    expect(await letters(authority)).toEqual([]);
  });

  it("of a promise that says nothing leaves the spend unknown", async () => {
    const authority = fakeAuthority();
    const { error } = await outcome(authority, () => "value", { spend: async () => undefined });
    expect(error).toMatchObject({ name: "SpendUnknownError", value: "value" });
  });

  it.each([undefined, null, false, 0, ""] as const)("of %o says nothing", async (said) => {
    const authority = fakeAuthority();
    const { error } = await outcome(authority, () => "value", { spend: () => said });
    expect(error).toMatchObject({ name: "SpendUnknownError", value: "value" });
    const { settlement } = await outcome(authority, () => "value", { spend: () => said, settle: "estimate" });
    expect(settlement).toMatchObject({ status: "committed", basis: "estimate" });
  });

  it("that never comes ends with the caller's signal, and the value is not lost", async () => {
    const caller = new AbortController();
    const authority = fakeAuthority();
    const running = outcome(authority, () => "value", {
      spend: () => new Promise<Amount>(() => {}),
      signal: caller.signal,
    });
    await authority.clock.advance(0);
    caller.abort(boom);
    const { error } = await running;
    expect(error).toMatchObject({
      name: "SpendUnknownError",
      value: "value",
      cause: { message: "The price was aborted by the caller's signal.", cause: boom },
    });
  });
});

describe("an estimate that was chosen", () => {
  it("stands in for what nobody knows, and for nothing else", async () => {
    const authority = fakeAuthority();
    const options = { settle: "estimate" as const };
    await outcome(authority, ({ spend }) => spend(cents(1)), options);
    await outcome(authority, ({ unspent }) => unspent(), options);
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
    expect(authority.calls).toEqual(["reserve", "commit", "reserve", "release"]);
  });
});

describe("a body that throws", () => {
  it("after a nested reservation was charged alone: what is known is a lower bound, as of a stream", async () => {
    const authority = fakeAuthority();
    const run = withReservation(authority, part(5), async (parent) => {
      await withReservation(authority, part(2), () => 1, { parent, nest, spend: () => cents(2) });
      throw boom;
    });
    await expect(run).rejects.toBe(boom);
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
  });

  it.each<[string, BodyOptions<never>["partial"]]>([
    ["says nothing", () => undefined],
    ["throws", throwing(boom)],
  ])("and a partial that %s: a dead letter with the reason", async (_what, partial) => {
    const authority = fakeAuthority();
    expect((await outcome(authority, () => Promise.reject(boom), { partial })).error).toBe(boom);
    expect(await letters(authority)).toMatchObject([
      { kind: "spend-unknown", reason: expect.stringContaining("Give options.partial") },
    ]);
    expect(authority.calls).toEqual(["reserve"]);
  });

  it("and whose unspent callback releases by itself is released once", async () => {
    const authority = fakeAuthority();
    let own: Reservation | undefined;
    const body = (reservation: Reservation): never => {
      own = reservation;
      throw boom;
    };
    const unspent = (): boolean => (own?.release("by the callback").catch(() => {}), false);
    expect((await outcome(authority, body, { unspent, partial: "estimate" })).error).toBe(boom);
    await authority.clock.advance(0);
    expect(authority.settled.map(({ body: sent }) => sent)).toEqual(['{"reason":"by the callback"}']);
    expect(await letters(authority)).toEqual([]);
  });

  it("is released only for a plain true of options.unspent", async () => {
    const authority = fakeAuthority();
    const unspent = (() => Promise.resolve(true)) as unknown as () => boolean;
    await outcome(authority, () => Promise.reject(boom), { unspent });
    expect(await letters(authority)).toHaveLength(1);
    expect(authority.calls).toEqual(["reserve"]);
  });
});

describe("a commit that cannot be written", () => {
  const broken = {
    prepare: throwing(new Error("metadata too large")),
  };

  it("is a refusal of a spend: a dead letter, an event and the caller's callback say so", async () => {
    const authority = fakeAuthority(broken);
    const onSettlement = vi.fn();
    const options = { idempotencyKey: "k", onSettlement };
    const { settlement } = await outcome(authority, ({ spend }) => spend(cents(1), { inputTokens: 3 }), options);
    const message = "The commit of reservation rsv_1 could not be written: metadata too large";
    const ids = { reservationId: "rsv_1", idempotencyKey: "k" };
    expect(settlement).toMatchObject({ status: "rejected", ...ids, basis: "actual" });
    expect(settlement?.error).toMatchObject({
      message,
      spendHappened: true,
      ...ids,
      cause: new Error("metadata too large"),
    });
    expect(onSettlement.mock.calls).toEqual([[settlement]]);
    expect(authority.named("settlement")).toMatchObject([
      { protocol: "fake", settlement: { status: "rejected" }, call: { metrics: { inputTokens: 3 } } },
    ]);
    expect(await letters(authority)).toMatchObject([
      { kind: "refused", reason: "metadata too large", spent: cents(1), estimate: request.estimate, ...ids },
    ]);
  });

  it("is no spend where it is a release, and no dead letter", async () => {
    const authority = fakeAuthority(broken);
    const { settlement } = await outcome(authority, ({ unspent }) => unspent());
    const message = "The release of reservation rsv_1 could not be written: metadata too large";
    expect(settlement?.error).toMatchObject({ message, spendHappened: false });
    expect(await letters(authority)).toEqual([]);
    expect(authority.named("settlement")).toMatchObject([{ call: { released: { code: "unused" } } }]);
  });

  it("by what is no error is refused all the same", async () => {
    const authority = fakeAuthority({ prepare: throwing("text") });
    const { settlement } = await outcome(authority, () => 1, { spend: () => cents(1) });
    const message = "The commit of reservation rsv_1 could not be written: prepare failed";
    expect(settlement?.error).toMatchObject({ message });
    expect(await letters(authority)).toMatchObject([{ reason: message }]);
  });

  it.each<[unknown, string]>([
    [new Error("metadata too large"), "metadata too large"],
    ["text", "unknown"],
  ])("for its metrics alone is sent without them, and logged with the reason: %o", async (thrown, reason) => {
    const warn = vi.fn();
    const authority = fakeAuthority({ environment: { logger: { ...silentLogger, warn } } });
    const plain = authority.prepare.bind(authority);
    const prepare: typeof plain = (grant, intent, stamp) => {
      if (intent.kind === "commit" && intent.spend.metrics) throw thrown;
      return plain(grant, intent, stamp);
    };
    const run = withReservation(Object.assign(authority, { prepare }), request, ({ spend }) =>
      spend(cents(1), { inputTokens: 3 }),
    );
    await expect(run).resolves.toMatchObject({ settlement: { status: "committed" } });
    const fields = { reservationId: "rsv_1", reason };
    expect(warn.mock.calls).toEqual([["a spend was settled without its metrics and metadata", fields]]);
    expect(authority.settled[0]).toMatchObject({ spent: { unit: "USD_MICROCENTS", amount: "1000000" } });
  });
});

describe("a reservation that failOpen stands in for", () => {
  const refused = new ConnectionError("refused");
  const bypassing = (warn = vi.fn()) =>
    fakeAuthority({
      reserve: [throwing(refused)],
      environment: { logger: { ...silentLogger, warn } },
    });
  const options = { failOpen: { reason: "checkout must not stop" }, idempotencyKey: "k" };

  it("is logged, emitted and kept as a letter before its body runs", async () => {
    const warn = vi.fn();
    const authority = bypassing(warn);
    const body = vi.fn(async () => {
      expect(await letters(authority)).toMatchObject([
        {
          kind: "bypass",
          protocol: "fake",
          target: "fake:test",
          reservationId: "bypass-k",
          idempotencyKey: "k",
          recordedAtMs: authority.clock.now(),
          reason: "checkout must not stop",
          estimate: request.estimate,
          spent: undefined,
        },
      ]);
    });
    await outcome(authority, body, { ...options, spend: () => cents(1) });
    expect(body).toHaveBeenCalledOnce();
    const fields = { protocol: "fake", idempotencyKey: "k", reason: "checkout must not stop" };
    expect(authority.named("bypass")).toMatchObject([
      { ...fields, estimate: request.estimate, error: { name: "AuthorityUnreachableError" } },
    ]);
    expect(warn.mock.calls[0]).toEqual([
      "a guarded call runs without a reservation (failOpen)",
      {
        ...fields,
        error:
          "The fake authority gave no usable answer, so the call did not start. Check that it runs and is reachable.",
      },
    ]);
    expect(await letters(authority)).toMatchObject([{ kind: "bypass", spent: cents(1) }]);
    expect(authority.named("settlement")).toMatchObject([
      { protocol: "fake", settlement: { status: "bypassed", reservationId: "bypass-k", idempotencyKey: "k" } },
    ]);
  });

  it("grows its letter by what is stated late, beside it", async () => {
    const authority = bypassing();
    const reservation = await openReservation(authority, request, options);
    expect(reservation).toMatchObject({ id: "bypass-k", decision: "BYPASS", caps: [], reserved: request.estimate });
    await reservation.commit(cents(1));
    expect(() => reservation.spend(cents(3))).toThrow("kept as a dead letter");
    expect((await letters(authority)).map(({ kind, spent }) => [kind, spent])).toEqual([
      ["bypass", cents(1)],
      ["late", cents(2)],
    ]);
  });

  it("keeps what is known of a spend that is not", async () => {
    const authority = bypassing();
    const reservation = await openReservation(authority, request, options);
    const child = await openReservation(authority, part(1), { parent: reservation, nest });
    child.spend(cents(1));
    await expect(reservation.commit()).rejects.toThrow(SpendUnknownError);
    expect(await letters(authority)).toMatchObject([{ kind: "bypass", spent: cents(1) }]);
  });
});

describe("a nested reservation that ends after its parent", () => {
  const message = "Reservation rsv_1/c spent after its parent had settled. The spend is kept as a dead letter.";

  async function orphan() {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, part(5));
    const child = await openReservation(authority, part(2), { parent, nest, idempotencyKey: "c" });
    await parent.commit().catch(() => {});
    const before = (await letters(authority)).length;
    return { authority, child, late: async () => (await letters(authority)).slice(before) };
  }

  it("keeps its spend as a letter, and says so", async () => {
    const { child, late } = await orphan();
    const settlement = await child.commit(cents(2));
    expect(settlement).toMatchObject({ status: "rejected", reservationId: "rsv_1/c", idempotencyKey: "c" });
    expect(settlement.error).toMatchObject({ message, spendHappened: true });
    expect(await late()).toMatchObject([{ kind: "refused", reason: message, spent: cents(2) }]);
  });

  it("has nothing to keep where it spent nothing, and a letter where nobody knows", async () => {
    const released = await orphan();
    await expect(released.child.release()).resolves.toMatchObject({ status: "released" });
    expect(await released.late()).toEqual([]);
    const unknown = await orphan();
    await expect(unknown.child.commit()).rejects.toThrow(SpendUnknownError);
    expect(await unknown.late()).toMatchObject([{ kind: "spend-unknown", reservationId: "rsv_1/c" }]);
  });

  it("before its parent writes no letter: the parent has its spend", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, part(5));
    const child = await openReservation(authority, part(2), { parent, nest });
    await expect(child.commit()).rejects.toThrow(SpendUnknownError);
    expect(await letters(authority)).toEqual([]);
    const other = await openReservation(authority, part(2), { parent, nest });
    await expect(other.commit(cents(2))).resolves.toMatchObject({ status: "recorded", charged: cents(2) });
    await expect(parent.commit()).rejects.toThrow(SpendUnknownError);
    expect(await letters(authority)).toMatchObject([{ reservationId: "rsv_1", spent: cents(2) }]);
  });

  it("and is used once more has a letter of its own for it", async () => {
    const { child, late } = await orphan();
    await child.release();
    expect(() => child.spend(cents(1))).toThrow("kept as a dead letter");
    expect(await late()).toMatchObject([{ kind: "late", reservationId: "rsv_1/c", spent: cents(1) }]);
  });
});

describe("a stream", () => {
  async function* numbers(): AsyncGenerator<number> {
    yield* [1, 2];
  }

  it("that is denied and whose settlement nobody reads is no unhandled rejection", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const deny = (): never => {
      throw new DeniedError("no");
    };
    await expect(readAll(withReservationStream(fakeAuthority({ reserve: [deny] }), request, numbers))).rejects.toThrow(
      DeniedError,
    );
    await expect(readAll(withReservationStream(fakeAuthority(), request, numbers))).rejects.toThrow(SpendUnknownError);
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("says what is wrong when it is read twice, left unread, or no stream", async () => {
    const twice = withReservationStream(fakeAuthority(), request, numbers, { settle: "estimate" });
    await readAll(twice);
    const text = "A reservation's stream can be read once; open another reservation.";
    expect(() => twice[Symbol.asyncIterator]()).toThrow(new ConfigurationError(text));

    const left = withReservationStream(fakeAuthority(), request, numbers);
    expect(await left[Symbol.asyncIterator]().return?.()).toEqual({ done: true, value: undefined });
    const unread = "The stream was left before it was read; nothing was reserved.";
    await expect(left.settlement).rejects.toThrow(new ConfigurationError(unread));

    for (const wrong of [undefined, null, "text", { choices: [] }]) {
      const body = () => wrong as unknown as StreamSource<number>;
      const none = "The body returned no stream; ask the model for one (stream: true).";
      await expect(readAll(withReservationStream(fakeAuthority(), request, body))).rejects.toMatchObject({
        name: "ConfigurationError",
        message: none,
      });
    }
  });

  it("hands its iterator to a for-await as it is", () => {
    const iterator = withReservationStream(fakeAuthority(), request, numbers)[Symbol.asyncIterator]();
    expect((iterator as AsyncIterableIterator<number>)[Symbol.asyncIterator]()).toBe(iterator);
  });

  it("cancels a reader-only source that it leaves, and ends one that ended", async () => {
    const cancel = vi.fn();
    const source = (): ReadableStream<number> => {
      const inner = new ReadableStream<number>({ pull: (controller) => controller.enqueue(1), cancel });
      return { getReader: () => inner.getReader() } as unknown as ReadableStream<number>;
    };
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, source, { partial: "estimate" });
    for await (const chunk of stream) if (chunk === 1) break;
    await stream.settlement;
    expect(cancel).toHaveBeenCalledOnce();
  });

  it("whose body settles by hand keeps that, whatever its chunks say afterwards", async () => {
    const authority = fakeAuthority();
    async function* body({ commit }: Reservation): AsyncGenerator<number> {
      yield 1;
      await commit(cents(1));
      yield 2;
    }
    const spend = vi.fn((chunk: number) => cents(chunk === 1 ? 0 : 9));
    expect(await readAll(withReservationStream(authority, request, body, { spend }))).toEqual([1, 2]);
    expect(spend.mock.calls).toEqual([[1]]);
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
    expect(await letters(authority)).toEqual([]);
  });

  it("that prices one chunk badly and a later one well knows what it cost", async () => {
    const authority = fakeAuthority();
    const spend = (chunk: number) => {
      if (chunk === 1) throw boom;
      return cents(chunk);
    };
    await readAll(withReservationStream(authority, request, numbers, { spend }));
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"actual"}']);
  });

  it("that aborts with its caller's reason stops listening to it when it ends", async () => {
    const caller = new AbortController();
    const added = vi.spyOn(caller.signal, "addEventListener");
    const removed = vi.spyOn(caller.signal, "removeEventListener");
    const seen: AbortSignal[] = [];
    async function* body({ signal }: Reservation): AsyncGenerator<number> {
      seen.push(signal);
      yield 1;
    }
    const options = { settle: "estimate" as const, signal: caller.signal };
    await readAll(withReservationStream(fakeAuthority(), request, body, options));
    expect(added.mock.calls.length).toBeGreaterThan(0);
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
    caller.abort();
    expect(seen[0]?.aborted).toBe(false);
  });

  it("of an authority without an environment is as any other", async () => {
    const authority = { ...fakeAuthority(), environment: undefined };
    const stream = withReservationStream(authority, request, numbers, { settle: "estimate" });
    expect(await readAll(stream)).toEqual([1, 2]);
    expect(await stream.settlement).toMatchObject({ status: "committed" });
  });

  it("is let go of by an abort while its body has not answered yet", async () => {
    const caller = new AbortController();
    const body = () => new Promise<AsyncIterable<number>>(() => {});
    const stream = withReservationStream(fakeAuthority(), request, body, { signal: caller.signal });
    const reading = stream[Symbol.asyncIterator]().next();
    await new Promise((resolve) => setTimeout(resolve, 5));
    caller.abort(boom);
    await expect(reading).rejects.toMatchObject({
      message: "The stream was aborted by the caller's signal.",
      cause: boom,
    });
  });

  it("that its reader leaves gives its body that as the reason", async () => {
    const signals: AbortSignal[] = [];
    async function* body({ signal }: Reservation): AsyncGenerator<number> {
      signals.push(signal);
      yield* [1, 2];
    }
    const stream = withReservationStream(fakeAuthority(), request, body, { partial: "estimate" });
    for await (const chunk of stream) if (chunk === 1) break;
    expect(signals[0]?.reason).toMatchObject({ name: "AbortedError", message: "The reader left the stream." });
  });

  it("that has ended is open no longer, though its settlement hangs", async () => {
    const authority = fakeAuthority({ settle: [() => new Promise(() => {})] });
    const reading = readAll(withReservationStream(authority, request, numbers, { settle: "estimate", longestMs: 10 }));
    reading.catch(() => {});
    await authority.clock.advance(5);
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(authority.clock.timers).toBe(0);
  });

  it("hands on the caller's reason for an abort", async () => {
    const caller = new AbortController();
    async function* body({ signal }: Reservation): AsyncGenerator<number> {
      yield 1;
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    const stream = withReservationStream(fakeAuthority(), request, body, { signal: caller.signal });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const reading = iterator.next();
    caller.abort(boom);
    await expect(reading).rejects.toMatchObject({
      message: "The stream was aborted by the caller's signal.",
      cause: boom,
    });
  });

  it("keeps no chunk where nobody prices what was seen", async () => {
    const partial = vi.fn((seen: readonly number[], _error: unknown) => cents(seen.length));
    const stream = withReservationStream(fakeAuthority(), request, numbers, { partial });
    for await (const chunk of stream) if (chunk === 2) break;
    expect(partial.mock.calls[0]?.[0]).toEqual([1, 2]);
    expect(partial.mock.calls[0]?.[1]).toMatchObject({ message: "The reader left the stream." });
  });

  it.each([
    ["idleMs", "The reader asked for no further chunk (5 ms), so it was given up and settled."],
    ["longestMs", "The stream was open for too long (5 ms), so it was given up and settled."],
  ])("given up after %s says so to its reader and to partial", async (limit, message) => {
    const authority = fakeAuthority();
    const partial = vi.fn((_seen: readonly number[], _error: unknown) => cents(1));
    const stream = withReservationStream(authority, request, numbers, { partial, [limit]: 5 });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await authority.clock.advance(4);
    expect(partial).not.toHaveBeenCalled();
    await authority.clock.advance(1);
    expect(partial.mock.calls[0]?.[1]).toMatchObject({ name: "TimeoutError", message, timeoutMs: 5 });
    await expect(iterator.next()).rejects.toThrow(TimeoutError);
    expect(authority.clock.timers).toBe(0);
  });

  it("given up is given up once, though its settlement hangs", async () => {
    const authority = fakeAuthority({ settle: [() => new Promise(() => {})] });
    const limits = { idleMs: 5, longestMs: 10, partial: "estimate" as const };
    const iterator = withReservationStream(authority, request, numbers, limits)[Symbol.asyncIterator]();
    await iterator.next();
    await authority.clock.advance(5);
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(authority.clock.timers).toBe(0);
  });

  it("without limits sets no timer, and with them none is left at its end", async () => {
    const open = fakeAuthority();
    const forever = { settle: "estimate" as const, idleMs: Infinity, longestMs: Infinity };
    const iterator = withReservationStream(open, request, numbers, forever)[Symbol.asyncIterator]();
    await iterator.next();
    expect(open.clock.timers).toBe(0);
    const bounded = fakeAuthority();
    await readAll(withReservationStream(bounded, request, numbers, { settle: "estimate" }));
    expect(bounded.clock.timers).toBe(0);
  });

  it("reads and settles while its idle time would run out: only the wait for its reader counts", async () => {
    const authority = fakeAuthority();
    const second = createDeferred<void>();
    async function* slow(): AsyncGenerator<number> {
      yield 1;
      await second.promise;
      yield 2;
    }
    const stream = withReservationStream(authority, request, slow, { settle: "estimate", idleMs: 1_000 });
    const reading = readAll(stream);
    await authority.clock.advance(10_000);
    second.resolve();
    expect(await reading).toEqual([1, 2]);
  });
});

describe("guard and guardStream", () => {
  it("make the request and the options of the call's arguments, and hand those to the body", async () => {
    const authority = fakeAuthority();
    const asked = (value: number, _unit: string) => part(value);
    const priced = (value: number, _unit: string) => ({ spend: () => cents(value), idempotencyKey: `k-${value}` });
    const call = guard(authority, asked, (_reservation, value: number, unit: string) => `${value} ${unit}`, priced);
    expect(await call(2, "cents")).toBe("2 cents");
    const stream = guardStream(
      authority,
      asked,
      async function* (_reservation, value: number) {
        yield value;
      },
      priced,
    );
    expect(await readAll(stream(3, "cents"))).toEqual([3]);
    expect(authority.requests.map(({ estimate }) => estimate)).toEqual([cents(2), cents(3)]);
    expect(authority.keys).toEqual(["k-2", "k-3"]);
    expect(authority.settled.map(({ spent }) => spent?.amount)).toEqual(["2000000", "3000000"]);
  });

  it("need no options", async () => {
    const authority = fakeAuthority();
    await guard(authority, request, ({ commit }) => commit(cents(1)))();
    const stream = guardStream(authority, request, async function* ({ commit }) {
      yield await commit(cents(1));
    });
    expect(await readAll(stream())).toHaveLength(1);
  });
});
