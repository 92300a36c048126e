import { SpendUnknownError, TimeoutError, withReservationStream } from "@imprest/core";
import { fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { cents, committedAmounts, request } from "./fixtures.ts";

async function* endless(signals: AbortSignal[], reservation: { readonly signal: AbortSignal }): AsyncGenerator<number> {
  signals.push(reservation.signal);
  for (let chunk = 1; ; chunk += 1) yield chunk;
}

describe("a reader that asks for no further chunk", () => {
  const lease = { ttlMs: 60_000, remainingMs: 60_000 };

  it("is given up after idleMs: partial prices the stream, its signal aborts, and no lease is kept alive", async () => {
    const signals: AbortSignal[] = [];
    const authority = fakeAuthority({ lease, extend: [() => lease] });
    const stream = withReservationStream(authority, request, (reservation) => endless(signals, reservation), {
      partial: (seen, error) => (error instanceof TimeoutError ? cents(seen.length) : undefined),
      idleMs: 20_000,
    });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await authority.clock.advance(10_000);
    await iterator.next();
    await authority.clock.advance(10_001);
    expect(authority.calls).toEqual(["reserve"]);
    await authority.clock.advance(10_000);
    expect(await stream.settlement).toMatchObject({ status: "committed", basis: "estimate" });
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
    expect(signals[0]?.aborted).toBe(true);
    expect(authority.clock.timers).toBe(0);
    await expect(iterator.next()).rejects.toThrow(TimeoutError);
  });

  it("is given up after five minutes where nothing is said", async () => {
    const authority = fakeAuthority({ lease, extend: [() => lease] });
    const stream = withReservationStream(authority, request, (reservation) => endless([], reservation));
    await stream[Symbol.asyncIterator]().next();
    for (let minute = 0; minute < 5; minute += 1) await authority.clock.advance(60_000);
    await expect(stream.settlement).rejects.toThrow(SpendUnknownError);
    expect(authority.named("dead-letter")).toHaveLength(1);
    expect(authority.clock.timers).toBe(0);
  });

  it("a source that never ends is given up after longestMs, whatever its reader does", async () => {
    const authority = fakeAuthority();
    async function* hanging(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    const stream = withReservationStream(authority, request, hanging, { partial: "estimate", longestMs: 5_000 });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = iterator.next().catch((error: unknown) => error);
    await authority.clock.advance(5_000);
    expect(await stream.settlement).toMatchObject({ status: "committed", basis: "estimate" });
    expect(await waiting).toBeInstanceOf(Error);
  });
});

describe("a stream whose price function throws", () => {
  const broken = (): never => {
    throw new Error("no price");
  };
  async function* three(): AsyncGenerator<number> {
    yield* [1, 2, 3];
  }

  it("gives its reader every chunk, and says at the end what is unknown", async () => {
    const authority = fakeAuthority();
    const read: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const chunk of withReservationStream(authority, request, three, { spend: broken })) read.push(chunk);
    };
    await expect(reading()).rejects.toMatchObject({ name: "SpendUnknownError", cause: new Error("no price") });
    expect(read).toEqual([1, 2, 3]);
    expect(authority.calls).toEqual(["reserve"]);
    expect(authority.named("dead-letter")).toHaveLength(1);
  });

  it("commits the estimate where that is what the caller chose", async () => {
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, three, { spend: broken, settle: "estimate" });
    for await (const _ of stream);
    expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
  });

  it("awaits an asynchronous price", async () => {
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, three, { spend: async (chunk) => cents(chunk) });
    for await (const _ of stream);
    expect(committedAmounts(authority)).toEqual(['{"amount":3000000,"basis":"actual"}']);
  });
});
