import { isGzip, wrongFormSentence } from "imprest/internal";
import type { FeedRef } from "./messages.ts";
import { UnusableError } from "./unusable-error.ts";

/** The bytes of a feed, unzipped, and parts of it again later. */
export interface FeedBytes {
  readonly name: string;
  /** As it is stored. */
  readonly size: number;
  readonly gzip: boolean;
  /** The first bytes, at most `headBytes`. */
  readonly head: Uint8Array;
  /** All of it, from the start. @throws UnusableError for a gzip that is cut off or damaged. */
  all(onRead?: (bytes: number) => void): AsyncIterable<Uint8Array>;
  /** Parts of the unzipped bytes, by ascending start. A gzip is read from its start again. */
  parts(ranges: readonly Range[]): Promise<readonly Uint8Array[]>;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Enough to see a few hundred statements. */
const headBytes = 1_048_576;

/** @throws UnusableError naming what else the file is, or why it cannot be read. */
export async function openFeed(ref: FeedRef): Promise<FeedBytes> {
  const { name, size } = ref.kind === "file" ? ref.file : ref;
  const gzip = isGzip(await firstOf(chunksOf(name, ref), 2));
  const all = (onRead?: (bytes: number) => void): AsyncIterable<Uint8Array> => chunksOf(name, ref, { gzip, onRead });
  const head = await firstOf(all(), headBytes);
  if (head.length === 0) throw new UnusableError(`${name} is empty.`);
  const wrongForm = wrongFormSentence(name, head.subarray(0, 64));
  if (wrongForm !== undefined) throw new UnusableError(wrongForm);
  const parts = (ranges: readonly Range[]): Promise<readonly Uint8Array[]> =>
    gzip
      ? partsOf(all(), ranges)
      : Promise.all(ranges.map((range) => firstOf(chunksOf(name, ref, { range }), Infinity)));
  return { name, size, gzip, head, all, parts };
}

interface Reading {
  readonly gzip?: boolean;
  readonly range?: Range;
  /** Bytes as they are stored. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

async function* chunksOf(
  name: string,
  ref: FeedRef,
  { gzip = false, range, onRead }: Reading = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const stored = readable(await streamOf(ref, range), ref, onRead);
  const reader = (gzip ? stored.pipeThrough(new DecompressionStream("gzip")) : stored).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } catch (cause) {
    if (cause instanceof UnusableError) throw cause;
    const why = "is a gzip that is cut off or damaged, or of several parts; unzip it first.";
    throw new UnusableError(`${name} ${why}`, { cause });
  } finally {
    // What has ended or failed already has nothing to cancel.
    reader.cancel().catch(() => {});
  }
}

async function streamOf(ref: FeedRef, range?: Range): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (ref.kind === "file") return (range ? ref.file.slice(range.from, range.to) : ref.file).stream();
  const query = range ? `?from=${range.from}&to=${range.to}` : "";
  const answer = await fetch(ref.url + query).catch(() => undefined);
  if (answer?.ok === true && answer.body !== null) return answer.body;
  throw new UnusableError(brokenOff(ref));
}

/** The bytes as they are stored, with a sentence where they end too soon: what unzips them could not tell that from damage. */
function readable(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  ref: FeedRef,
  onRead: Reading["onRead"],
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        onRead?.(value.length);
        controller.enqueue(value);
      } catch (cause) {
        controller.error(new UnusableError(brokenOff(ref), { cause }));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function brokenOff(ref: FeedRef): string {
  return ref.kind === "served"
    ? "The command that served the feed has ended. Start it again."
    : `${ref.file.name} can no longer be read: it was changed, moved or replaced. Choose it again.`;
}

/** The first bytes; the source is left after them. */
async function firstOf(source: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const [first] = await partsOf(source, [{ from: 0, to: most }]);
  return first ?? new Uint8Array();
}

async function partsOf(source: AsyncIterable<Uint8Array>, ranges: readonly Range[]): Promise<readonly Uint8Array[]> {
  const found = ranges.map((): Uint8Array[] => []);
  const end = Math.max(0, ...ranges.map(({ to }) => to));
  let at = 0;
  for await (const chunk of source) {
    for (const [index, { from, to }] of ranges.entries()) {
      const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
      if (part.length > 0) found[index]?.push(part);
    }
    at += chunk.length;
    if (at >= end) break;
  }
  return found.map(joined);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
