import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import type { Reservation } from "../authority/reservation.ts";
import { ConfigurationError } from "../errors/local-errors.ts";
import { abortedError } from "../platform/async.ts";
import { authorityDestination } from "./destinations.ts";
import { readExported } from "./exported-reservation.ts";
import { keepAlive } from "./keep-alive.ts";
import type { ReservationOptions } from "./options.ts";
import { ReservationHandle } from "./reservation-handle.ts";

/** Options of `adopt`: what a reservation that is already granted still leaves open. */
export type AdoptOptions = Pick<ReservationOptions, "signal" | "leaseLoss" | "onSettlement" | "throwOnRejected">;

/**
 * Takes over a reservation that another process exported (`reservation.export()`), to be settled here by hand: after a
 * batch, a background job, a webhook. Its lease is extended at once and kept alive here. It settles under its own key,
 * so a reservation that is adopted twice is charged once, and a second, different amount becomes a dead letter.
 * @param exported the text that `export()` returned.
 * @throws ValidationError for a text that is no exported reservation; ConfigurationError when another server or
 * principal granted it; AbortedError.
 * @example
 * const reservation = await adopt(authority, await database.load(batchId));
 * await reservation.commit(usd("0.42"));
 */
export async function adopt(
  source: AuthoritySource,
  exported: string,
  options: AdoptOptions = {},
): Promise<Reservation> {
  const authority = authorityOf(source);
  const { protocol, target, idempotencyKey, traceparent, grant } = readExported(exported);
  if (protocol !== authority.protocol || target !== authority.target) {
    throw new ConfigurationError(
      `The reservation was granted by ${protocol} ${target}, and this authority is ${authority.protocol} ` +
        `${authority.target}. Adopt it with an authority of the same server and principal.`,
    );
  }
  if (options.signal?.aborted) throw abortedError(options.signal, "The adoption");
  const destination = authorityDestination(authority, grant, idempotencyKey, traceparent, "not-here");
  const handle = new ReservationHandle(grant, idempotencyKey, destination, options);
  if (grant.lease) keepAlive(authority, handle, { ...grant.lease, remainingMs: 0 }, 0);
  return handle;
}
