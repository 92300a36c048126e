import type { ServerResponse } from "node:http";
import { disconnectSignal } from "./disconnect-signal.ts";

/**
 * Writes a stream to an HTTP response, no faster than the client reads, and ends it. When the client goes away the stream
 * is left, which settles a `withReservationStream`; give that one `disconnectSignal(response)` too, so that a source which
 * hangs cannot hold it up.
 * @param encode what of each chunk is sent; texts and bytes are sent as they are without it.
 * @returns false when the client did not stay to the end.
 * @throws what the stream throws, with the response cut off.
 */
export async function sendStream<Chunk>(
  stream: AsyncIterable<Chunk>,
  response: ServerResponse,
  encode: (chunk: Chunk) => string | Uint8Array = asSent,
): Promise<boolean> {
  const gone = disconnectSignal(response);
  try {
    for await (const chunk of stream) {
      if (!gone.aborted && !response.write(encode(chunk))) await drained(response, gone);
      if (gone.aborted) return false;
    }
  } catch (error) {
    if (gone.aborted) return false;
    response.destroy();
    throw error;
  }
  response.end();
  return true;
}

function asSent(chunk: unknown): string | Uint8Array {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) return chunk;
  throw new TypeError("A chunk is neither text nor bytes; give sendStream an encode function.");
}

/** The buffer of a response whose client is gone never drains. */
function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    response.once("drain", done);
    gone.addEventListener("abort", done, { once: true });
    if (gone.aborted) done();
  });
}
