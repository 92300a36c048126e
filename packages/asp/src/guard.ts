import {
  type BodyOptions,
  type OptionsOf,
  type RequestOf,
  type Reservation,
  type ReservationOptions,
  type ReservationStream,
  type ReserveRequest,
  type Settlement,
  type StreamSource,
  guard as guardWith,
  guardStream as guardStreamWith,
  openReservation as openReservationWith,
  withReservation as withReservationWith,
  withReservationStream as withReservationStreamWith,
} from "@imprest/core";
import { AspAuthority } from "./authority.ts";
import type { AspClient } from "./client.ts";

/** A configured authority, or a client to make one of with the defaults. */
export type AspSource = AspAuthority | AspClient;

/** One authority a client: its settlements share one queue. */
const authorities = new WeakMap<AspClient, AspAuthority>();

/** The authority that the helpers use for `source`: for its queue, its dead letters, `recover` and `close`. */
export function authorityOf(source: AspSource): AspAuthority {
  if ("protocol" in source) return source;
  const known = authorities.get(source);
  if (known !== undefined) return known;
  const created = new AspAuthority(source);
  authorities.set(source, created);
  return created;
}

/** `openReservation` of `@imprest/core`, over ASP. */
export function openReservation(
  source: AspSource,
  request: ReserveRequest,
  options?: ReservationOptions,
): Promise<Reservation> {
  return openReservationWith(authorityOf(source), request, options);
}

/** `withReservation` of `@imprest/core`, over ASP. */
export function withReservation<Value>(
  source: AspSource,
  request: ReserveRequest,
  body: (reservation: Reservation) => Value | PromiseLike<Value>,
  options?: BodyOptions<Value>,
): Promise<{ value: Value; settlement: Settlement }> {
  return withReservationWith(authorityOf(source), request, body, options);
}

/** `withReservationStream` of `@imprest/core`, over ASP. */
export function withReservationStream<Chunk>(
  source: AspSource,
  request: ReserveRequest,
  body: (reservation: Reservation) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options?: BodyOptions<Chunk>,
): ReservationStream<Chunk> {
  return withReservationStreamWith(authorityOf(source), request, body, options);
}

/** `guard` of `@imprest/core`, over ASP. */
export function guard<Arguments extends readonly unknown[], Value>(
  source: AspSource,
  request: RequestOf<Arguments>,
  body: (reservation: Reservation, ...args: Arguments) => Value | PromiseLike<Value>,
  options?: OptionsOf<Arguments, Value>,
): (...args: Arguments) => Promise<Value> {
  return guardWith(authorityOf(source), request, body, options);
}

/** `guardStream` of `@imprest/core`, over ASP. */
export function guardStream<Arguments extends readonly unknown[], Chunk>(
  source: AspSource,
  request: RequestOf<Arguments>,
  body: (reservation: Reservation, ...args: Arguments) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options?: OptionsOf<Arguments, Chunk>,
): (...args: Arguments) => ReservationStream<Chunk> {
  return guardStreamWith(authorityOf(source), request, body, options);
}
