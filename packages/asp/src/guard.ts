import {
  type BodyOptions,
  ConfigurationError,
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

/**
 * ASP makes fail-open leave a signed event (ASP §3.3), so it is refused where nobody would write one.
 * @throws ConfigurationError for `failOpen` without `bypass` on the authority.
 */
function checked(authority: AspAuthority, { failOpen }: ReservationOptions = {}): AspAuthority {
  if (failOpen === undefined || authority.recordsBypass) return authority;
  throw new ConfigurationError("failOpen needs a bypass recorder on the AspAuthority: createBypassRecorder(…).");
}

/** Options of every call, checked as each is made. */
function checkedOptions<Arguments extends readonly unknown[], Item>(
  authority: AspAuthority,
  options: OptionsOf<Arguments, Item> = {},
): OptionsOf<Arguments, Item> {
  if (typeof options !== "function") {
    checked(authority, options);
    return options;
  }
  return (...args) => {
    const made = options(...args);
    checked(authority, made);
    return made;
  };
}

/** `openReservation` of `@imprest/core`, over ASP. */
export async function openReservation(
  source: AspSource,
  request: ReserveRequest,
  options?: ReservationOptions,
): Promise<Reservation> {
  return openReservationWith(checked(authorityOf(source), options), request, options);
}

/** `withReservation` of `@imprest/core`, over ASP. */
export async function withReservation<Value>(
  source: AspSource,
  request: ReserveRequest,
  body: (reservation: Reservation) => Value | PromiseLike<Value>,
  options?: BodyOptions<Value>,
): Promise<{ value: Value; settlement: Settlement }> {
  return withReservationWith(checked(authorityOf(source), options), request, body, options);
}

/** `withReservationStream` of `@imprest/core`, over ASP. */
export function withReservationStream<Chunk>(
  source: AspSource,
  request: ReserveRequest,
  body: (reservation: Reservation) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options?: BodyOptions<Chunk>,
): ReservationStream<Chunk> {
  return withReservationStreamWith(checked(authorityOf(source), options), request, body, options);
}

/** `guard` of `@imprest/core`, over ASP. */
export function guard<Arguments extends readonly unknown[], Value>(
  source: AspSource,
  request: RequestOf<Arguments>,
  body: (reservation: Reservation, ...args: Arguments) => Value | PromiseLike<Value>,
  options?: OptionsOf<Arguments, Value>,
): (...args: Arguments) => Promise<Value> {
  const authority = authorityOf(source);
  return guardWith(authority, request, body, checkedOptions(authority, options));
}

/** `guardStream` of `@imprest/core`, over ASP. */
export function guardStream<Arguments extends readonly unknown[], Chunk>(
  source: AspSource,
  request: RequestOf<Arguments>,
  body: (reservation: Reservation, ...args: Arguments) => StreamSource<Chunk> | PromiseLike<StreamSource<Chunk>>,
  options?: OptionsOf<Arguments, Chunk>,
): (...args: Arguments) => ReservationStream<Chunk> {
  const authority = authorityOf(source);
  return guardStreamWith(authority, request, body, checkedOptions(authority, options));
}
