import { raceAbort } from "@imprest/core/internal";

/**
 * Reads a whole body of at most `limit` bytes. @returns `undefined` for a longer one, which is cancelled then.
 * @throws what the stream fails with; AbortedError.
 */
export async function readBounded(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await raceAbort(reader.read(), signal, "A request").catch((error: unknown) => {
      reader.cancel(error).catch(() => {});
      throw error;
    });
    if (done) return joined(chunks, length);
    length += value.length;
    if (length > limit) {
      reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
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
