import { ConfigurationError } from "../errors/local-errors.ts";
import { AbortedError } from "../errors/transport-errors.ts";
import { createDeferred, onAbort, raceAbort } from "../platform/async.ts";
import { systemClock } from "../platform/clock.ts";
import { openHandle } from "./open-reservation.ts";
import type { StreamOptions } from "./options.ts";
import { Patience } from "./patience.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import type { ReserveRequest } from "../authority/request.ts";
import type { Settlement } from "../authority/settlement.ts";
import type { ReservationHandle } from "./reservation-handle.ts";
import type { Reservation } from "../authority/reservation.ts";
import { inContext, noteSpend, settleFailure, settleReturn } from "./with-reservation.ts";

/** What a streaming body may hand out. */
export type StreamSource<Chunk> = AsyncIterable<Chunk> | ReadableStream<Chunk>;

/** A stream that reserves when it is first read and settles when it ends, however it ends. It can be read once. */
export interface ReservationStream<Chunk> extends AsyncIterable<Chunk> {
  /**
   * The first outcome. Rejects with what stopped the stream before a reservation was made, or with SpendUnknownError
   * when nothing says what it cost. A stream that is never read never settles: nothing was reserved.
   */
  readonly settlement: Promise<Settlement>;
}

/**
 * As `withReservation`, for a body that streams. `options.spend` reads
 * what each chunk says of the total; `options.partial` prices a stream that was left, aborted or broken off, and what
 * the chunks said is the least that is committed then, marked as an estimate.
 * Iterating throws as `withReservation` does, SpendUnknownError after the last chunk included.
 * @example
 * const stream = withReservationStream(authority, request, ({ signal }) => openai.responses.stream(body, { signal }), {
 *   spend: (event) => event.type === "response.completed" && prices.price(model, event.response.usage),
 *   partial: "estimate",
 * });
 * for await (const event of stream) show(event);
 */
export function withReservationStream<Chunk>(
  source: AuthoritySource,
  request: ReserveRequest,
  body: (reservation: Reservation) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options: StreamOptions<Chunk> = {},
): ReservationStream<Chunk> {
  const settlement = createDeferred<Settlement>();
  settlement.promise.catch(() => {});
  let read = false;
  return {
    settlement: settlement.promise,
    [Symbol.asyncIterator]() {
      if (read) throw new ConfigurationError("A reservation's stream can be read once; open another reservation.");
      read = true;
      const chunks = readThrough(authorityOf(source), request, body, options);
      chunks.opened.then((handle) => handle.settlement).then(settlement.resolve, settlement.reject);
      return chunks.iterator;
    },
  };
}

/** The guarded iteration, and the reservation that it opens. */
function readThrough<Chunk>(
  authority: SpendAuthority,
  request: ReserveRequest,
  body: (reservation: Reservation) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options: StreamOptions<Chunk>,
): { iterator: AsyncIterableIterator<Chunk>; opened: Promise<ReservationHandle> } {
  const opened = createDeferred<ReservationHandle>();
  // Aborts with the caller's signal, and when the reader leaves: whatever is under way then ends at once.
  const leaving = new AbortController();
  const patience = new Patience(authority.environment?.clock ?? systemClock, options);

  async function* iterate(): AsyncGenerator<Chunk, void, undefined> {
    const unlink = onAbort(options.signal, () => leaving.abort(options.signal?.reason));
    try {
      const handle = await openHandle(authority, request, { ...options, signal: leaving.signal });
      opened.resolve(handle);
      yield* guarded(handle);
    } finally {
      unlink();
      patience.end();
    }
  }

  async function* guarded(handle: ReservationHandle): AsyncGenerator<Chunk, void, undefined> {
    const seen: Chunk[] = [];
    let source: AsyncIterator<Chunk> | undefined;
    let failure: unknown = new AbortedError("The reader left the stream.");
    let finished = false;
    let unpriced: { readonly cause: unknown } | undefined;
    try {
      patience.begin();
      const stream = await raceAbort(start(handle), handle.signal, "The stream");
      source = iteratorOf(stream);
      for (;;) {
        // A source that ignores its signal must not keep the reader waiting. Its own code runs in the reservation's context.
        const reading = inContext(authority, handle, source.next.bind(source));
        // An iterator may return a plain object where its type says a promise.
        const next = await raceAbort(Promise.resolve(reading), handle.signal, "The stream");
        if (next.done) break;
        if (typeof options.partial === "function") seen.push(next.value);
        try {
          if (!handle.ended) await noteSpend(handle, options.spend, next.value);
        } catch (cause) {
          // The answer is paid for, so its reader gets every chunk; the settlement says what is unknown.
          unpriced = { cause };
          handle.tracker.markUnclear();
        }
        patience.wait();
        yield next.value;
        patience.goOn();
      }
      finished = true;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      if (!finished) {
        // Not waited for: a source that hangs or throws in its own clean-up must not hold up the settlement.
        const close = async (): Promise<unknown> => source?.return?.();
        close().catch(() => {});
        await settleFailure(handle, options, seen, patience.exhausted ?? failure, "lower-bound");
      }
    }
    if (unpriced !== undefined && handle.tracker.status === "possible" && options.settle === undefined) {
      throw await handle.abandon(undefined, unpriced.cause);
    }
    patience.end();
    await settleReturn(handle, undefined, options.settle ? { settle: options.settle } : {});
  }

  async function start(handle: ReservationHandle): Promise<StreamSource<Chunk>> {
    return inContext(authority, handle, () => body(handle));
  }

  const iterator = leavable(iterate(), leaving, patience, opened.reject);
  return { iterator, opened: opened.promise };
}

/** The generator's iterator; leaving it aborts what is under way, and `reject` is called when nothing was opened. */
function leavable<Chunk>(
  chunks: AsyncGenerator<Chunk, void, undefined>,
  leaving: AbortController,
  patience: Patience,
  reject: (reason: unknown) => void,
): AsyncIterableIterator<Chunk> {
  let started = false;
  let left = false;
  patience.onExhausted = (error) => {
    leaving.abort(error);
    // Where the generator waits for its reader, this runs its end; where it reads, the abort has ended the read.
    chunks.return().catch(() => {});
  };
  const iterator: AsyncIterableIterator<Chunk> = {
    next: async () => {
      started = true;
      try {
        const next = await chunks.next();
        if (next.done && patience.exhausted !== undefined && !left) throw patience.exhausted;
        return next;
      } catch (error) {
        reject(error);
        // Who has left is owed no error for the read that leaving cut short.
        if (left) return { done: true, value: undefined };
        throw error;
      }
    },
    return: async () => {
      left = true;
      if (!started) reject(new ConfigurationError("The stream was left before it was read; nothing was reserved."));
      leaving.abort(new AbortedError("The reader left the stream."));
      await chunks.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

function iteratorOf<Chunk>(source: StreamSource<Chunk>): AsyncIterator<Chunk> {
  if (typeof source === "object" && source !== null) {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
    if ("getReader" in source) return readerOf(source);
  }
  throw new ConfigurationError("The body returned no stream; ask the model for one (stream: true).");
}

/** Not every browser iterates a ReadableStream. */
function readerOf<Chunk>(source: ReadableStream<Chunk>): AsyncIterator<Chunk> {
  const reader = source.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
