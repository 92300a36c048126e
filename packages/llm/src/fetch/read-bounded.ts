import { raceAbort } from "@imprest/core/internal";

/** What was read of a body, and its reader where there is more than was asked for. */
export interface ReadBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly more?: ReadableStreamDefaultReader<Uint8Array> | undefined;
}

/** Reads a body until it has more than `limit` bytes. @throws what the stream fails with; AbortedError. */
export async function readUpTo(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<ReadBytes> {
  if (stream === null) return { bytes: new Uint8Array() };
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const read = async (): Promise<boolean> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      chunks.push(value);
      length += value.length;
      if (length > limit) return false;
    }
  };
  try {
    const isWhole = await raceAbort(read(), signal, "A body");
    return { bytes: joined(chunks, length), more: isWhole ? undefined : reader };
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

/** As `readUpTo`. @returns `undefined` for a body that is longer, which is cancelled. */
export async function readBounded(...args: Parameters<typeof readUpTo>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { bytes, more } = await readUpTo(...args);
  more?.cancel().catch(() => {});
  return more ? undefined : bytes;
}

export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** JSON, or `undefined`. */
export function parsed(bytes: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
