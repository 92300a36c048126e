import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isGzip, wrongFormSentence } from "../pages/feed-form.ts";
import { UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/**
 * The bytes of a feed of one event a line. A gzipped one, which its first bytes show, is read as what is in it.
 * @throws UsageError naming what else the file is: a directory, UTF-16, a JSON array, a damaged gzip.
 */
export async function* openFeed(path: string, terminal: Terminal): AsyncGenerator<Uint8Array, void, undefined> {
  const raw = await peek(named(path, terminal.open(path)));
  const { first, all } = isGzip(raw.first) ? await peek(unzipped(path, raw.all)) : raw;
  const wrongForm = wrongFormSentence(path, first);
  if (wrongForm !== undefined) throw new UsageError(wrongForm);
  yield* all;
}

interface Peeked {
  /** Enough to see what it is; less where there is no more. */
  readonly first: Uint8Array;
  readonly all: AsyncIterable<Uint8Array>;
}

async function peek(source: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const chunks = source[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  for (let size = 0; size < 64;) {
    const { done, value } = await chunks.next();
    if (done) break;
    read.push(value);
    size += value.length;
  }
  const all = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield* read;
    yield* { [Symbol.asyncIterator]: () => chunks };
  };
  return { first: Buffer.concat(read).subarray(0, 64), all: all() };
}

async function* named(path: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* source;
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EISDIR") throw error;
    throw new UsageError(`${path} is a directory; name a file of events.`, { cause: error });
  }
}

async function* unzipped(path: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const zipped = Readable.from(source);
  const plain = createGunzip();
  zipped.on("error", (error) => plain.destroy(error));
  try {
    yield* zipped.pipe(plain) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || !String(error.code).startsWith("Z_")) throw error;
    throw new UsageError(`${path} is a gzip that is cut off or damaged.`, { cause: error });
  } finally {
    zipped.destroy();
    plain.destroy();
  }
}
