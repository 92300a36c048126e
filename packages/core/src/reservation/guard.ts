import type { BodyOptions, StreamOptions } from "./options.ts";
import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import type { ReserveRequest } from "../authority/request.ts";
import type { Reservation } from "../authority/reservation.ts";
import { withReservation } from "./with-reservation.ts";
import { type ReservationStream, type StreamSource, withReservationStream } from "./with-reservation-stream.ts";

/** The same request for every call, or one made of the call's arguments. */
export type RequestOf<Arguments extends readonly unknown[]> = ReserveRequest | ((...args: Arguments) => ReserveRequest);

/** The same options for every call, or options made of the call's arguments (a signal, an idempotency key). */
export type OptionsOf<Arguments extends readonly unknown[], Item> =
  | BodyOptions<Item>
  | ((...args: Arguments) => BodyOptions<Item>);

/** As `OptionsOf`, for a function that streams. */
export type StreamOptionsOf<Arguments extends readonly unknown[], Chunk> =
  | StreamOptions<Chunk>
  | ((...args: Arguments) => StreamOptions<Chunk>);

/**
 * Wraps a function so that every call reserves first and settles afterwards: `withReservation` as a wrapper.
 * @param body gets the reservation, then the call's own arguments.
 * @returns a function of the same arguments; it rejects as `withReservation` does. The settlement goes to
 * `options.onSettlement` and to the observer.
 * @throws ConfigurationError for options that the authority refuses.
 * @example
 * const search = guard(
 *   authority,
 *   { estimate: usd("0.10"), action: { kind: "tool.search" } },
 *   ({ signal }, query: string) => fetchResults(query, signal),
 *   { spend: ({ cost }) => cost },
 * );
 * await search("tea");
 */
export function guard<Arguments extends readonly unknown[], Value>(
  source: AuthoritySource,
  request: RequestOf<Arguments>,
  body: (reservation: Reservation, ...args: Arguments) => Value | PromiseLike<Value>,
  options: OptionsOf<Arguments, Value> = {},
): (...args: Arguments) => Promise<Value> {
  checkEarly(source, options);
  return async (...args) => {
    const run = (reservation: Reservation): Value | PromiseLike<Value> => body(reservation, ...args);
    const result = await withReservation(source, resolve(request, args), run, resolve(options, args));
    return result.value;
  };
}

/**
 * As `guard`, for a function that streams: every call returns a stream that reserves when it is first read.
 * @example
 * const ask = guardStream(authority, request, (_reservation, question: string) => answer(question), { settle: "estimate" });
 * for await (const chunk of ask("tea?")) show(chunk);
 */
export function guardStream<Arguments extends readonly unknown[], Chunk>(
  source: AuthoritySource,
  request: RequestOf<Arguments>,
  body: (reservation: Reservation, ...args: Arguments) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options: StreamOptionsOf<Arguments, Chunk> = {},
): (...args: Arguments) => ReservationStream<Chunk> {
  checkEarly(source, options);
  return (...args) =>
    withReservationStream(
      source,
      resolve(request, args),
      (reservation) => body(reservation, ...args),
      resolve(options, args),
    );
}

/** Options that are the same for every call fail where they are written, not at the first call. */
function checkEarly<Arguments extends readonly unknown[], Item>(
  source: AuthoritySource,
  options: OptionsOf<Arguments, Item>,
): void {
  if (typeof options !== "function") authorityOf(source).checkOptions?.(options);
}

function resolve<Arguments extends readonly unknown[], Given extends object>(
  given: Given | ((...args: Arguments) => Given),
  args: Arguments,
): Given {
  return typeof given === "function" ? given(...args) : given;
}
