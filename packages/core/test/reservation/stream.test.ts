import {
  AbortedError,
  ConfigurationError,
  DeniedError,
  SpendUnknownError,
  type StreamSource,
  withReservationStream,
} from "@imprest/core";
import { describe, expect, it, vi } from "vitest";
import { fakeAuthority } from "@imprest/testing";
import { cents, committedAmounts, request } from "./fixtures.ts";

interface Chunk {
  readonly text: string;
  readonly usage?: number;
}

const chunks: readonly Chunk[] = [{ text: "a" }, { text: "b" }, { text: "", usage: 1 }];

async function* source(items: readonly Chunk[] = chunks, error?: Error): AsyncGenerator<Chunk> {
  for (const item of items) yield item;
  if (error) throw error;
}

const readable = () =>
  new ReadableStream<Chunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

const spend = ({ usage }: Chunk) => usage && cents(usage);

async function readAll(stream: AsyncIterable<Chunk>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk.text;
  return text;
}

describe("withReservationStream", () => {
  it("reserves at the first read, passes every chunk on, commits what the usage chunk said", async () => {
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, () => source(), { spend });
    expect(authority.calls).toEqual([]);
    expect(await readAll(stream)).toBe("ab");
    expect(await stream.settlement).toMatchObject({ status: "committed", basis: "actual" });
    expect(committedAmounts(authority)).toEqual(['{"amount":1000000,"basis":"actual"}']);
  });

  it.each<[string, () => StreamSource<Chunk> | Promise<StreamSource<Chunk>>]>([
    ["a promise of an iterable", async () => source()],
    ["a ReadableStream", () => readable()],
    [
      "a reader-only stream",
      () => {
        const inner = readable();
        return { getReader: () => inner.getReader() } as unknown as ReadableStream<Chunk>;
      },
    ],
  ])("accepts %s", async (_name, body) => {
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, body, { spend });
    expect(await readAll(stream)).toBe("ab");
    expect(committedAmounts(authority)).toHaveLength(1);
  });

  it("is read once", async () => {
    const stream = withReservationStream(fakeAuthority(), request, () => source(), { spend });
    await readAll(stream);
    await expect(readAll(stream)).rejects.toThrow(ConfigurationError);
  });

  it("a denial stops it before the body, and rejects the settlement too", async () => {
    const body = vi.fn(() => source());
    const deny = (): never => {
      throw new DeniedError("no");
    };
    const stream = withReservationStream(fakeAuthority({ reserve: [deny] }), request, body, { spend });
    await expect(readAll(stream)).rejects.toThrow(DeniedError);
    await expect(stream.settlement).rejects.toThrow(DeniedError);
    expect(body).not.toHaveBeenCalled();
  });

  it("left before the first read: nothing is reserved and the settlement rejects", async () => {
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, () => source(), { spend });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.return?.();
    await expect(stream.settlement).rejects.toThrow("before it was read");
    expect(authority.calls).toEqual([]);
  });

  it("ends well without usage: SpendUnknownError after the last chunk; settle: 'estimate' commits the estimate", async () => {
    const silent = [{ text: "a" }];
    const authority = fakeAuthority();
    const stream = withReservationStream(authority, request, () => source(silent), { partial: "estimate", spend });
    const seen: string[] = [];
    const run = (async () => {
      for await (const { text } of stream) seen.push(text);
    })();
    await expect(run).rejects.toThrow(SpendUnknownError);
    expect(seen).toEqual(["a"]);
    await expect(stream.settlement).rejects.toThrow(SpendUnknownError);
    expect(authority.calls).toEqual(["reserve"]);

    const estimated = withReservationStream(fakeAuthority(), request, () => source(silent), { settle: "estimate" });
    await readAll(estimated);
    expect(await estimated.settlement).toMatchObject({ status: "committed", basis: "estimate" });
  });
});

describe("a stream that ends early", () => {
  const ways: readonly [
    string,
    (items: readonly Chunk[]) => {
      source: AsyncIterable<Chunk>;
      read: (stream: AsyncIterable<Chunk>) => Promise<unknown>;
    },
  ][] = [
    [
      "is left by the reader",
      (items) => ({
        source: source([...items, { text: "never read" }]),
        read: async (stream) => {
          let left = items.length;
          if (left === 0) return;
          for await (const _chunk of stream) if (--left === 0) break;
        },
      }),
    ],
    [
      "breaks off",
      (items) => ({
        source: source(items, new Error("reset")),
        read: (stream) => readAll(stream).catch((error: Error) => expect(error.message).toBe("reset")),
      }),
    ],
  ];

  describe.each(ways)("and %s", (_name, way) => {
    it("possible with partial: 'estimate': commits the estimate", async () => {
      const authority = fakeAuthority();
      const { source: broken, read } = way([{ text: "a" }]);
      const stream = withReservationStream(authority, request, () => broken, { partial: "estimate", spend });
      await read(stream);
      expect(await stream.settlement).toMatchObject({ status: "committed", basis: "estimate" });
      expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
    });

    it("possible with a price of what was seen: commits that", async () => {
      const authority = fakeAuthority();
      const { source: broken, read } = way([{ text: "a" }, { text: "b" }]);
      const partial = (seen: readonly Chunk[]) => cents(seen.length);
      const stream = withReservationStream(authority, request, () => broken, { partial, spend });
      await read(stream);
      await stream.settlement;
      expect(committedAmounts(authority)).toEqual(['{"amount":2000000,"basis":"estimate"}']);
    });

    it("possible without partial: nothing is sent, a dead letter is", async () => {
      const authority = fakeAuthority();
      const { source: broken, read } = way([{ text: "a" }]);
      const stream = withReservationStream(authority, request, () => broken, { spend });
      await read(stream);
      await expect(stream.settlement).rejects.toThrow(SpendUnknownError);
      expect(authority.calls).toEqual(["reserve"]);
      expect(authority.named("dead-letter")).toHaveLength(1);
    });

    it.each<["estimate" | ((seen: readonly Chunk[]) => ReturnType<typeof cents>) | undefined, number]>([
      ["estimate", 2_000_000],
      [() => cents(3), 3_000_000],
      [() => cents(0), 1_000_000],
      [undefined, 1_000_000],
    ])("a figure so far is the least that is committed, as an estimate: partial %o", async (partial, charged) => {
      const authority = fakeAuthority();
      const { source: broken, read } = way([{ text: "a", usage: 1 }]);
      const stream = withReservationStream(authority, request, () => broken, { partial, spend });
      await read(stream);
      expect(await stream.settlement).toMatchObject({ status: "committed", basis: "estimate" });
      expect(committedAmounts(authority)).toEqual([`{"amount":${charged},"basis":"estimate"}`]);
    });
  });

  it("breaks off before its first chunk: possible, and released where it says so", async () => {
    const authority = fakeAuthority();
    const broken = () => source([], new Error("reset"));
    const silent = withReservationStream(authority, request, broken, { spend });
    await expect(readAll(silent)).rejects.toThrow("reset");
    await expect(silent.settlement).rejects.toThrow(SpendUnknownError);
    const stream = withReservationStream(authority, request, broken, { spend, unspent: () => true });
    await expect(readAll(stream)).rejects.toThrow("reset");
    expect(await stream.settlement).toMatchObject({ status: "released" });
  });

  it("aborts while the source hangs: the reader is let go at once, the source closed, the partial committed", async () => {
    const authority = fakeAuthority();
    const closed = vi.fn(async () => ({ done: true as const, value: undefined }));
    let reads = 0;
    const hanging: AsyncIterable<Chunk> = {
      [Symbol.asyncIterator]: () => ({
        next: () => (reads++ === 0 ? Promise.resolve({ done: false, value: { text: "a" } }) : new Promise(() => {})),
        return: closed,
      }),
    };
    const controller = new AbortController();
    const stream = withReservationStream(authority, request, () => hanging, {
      spend,
      partial: "estimate",
      signal: controller.signal,
    });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    controller.abort(new Error("user left"));
    await expect(pending).rejects.toThrow(AbortedError);
    expect(await stream.settlement).toMatchObject({ status: "committed", basis: "estimate" });
    expect(closed).toHaveBeenCalledOnce();
  });
});
