import type { SpendAuthority } from "../authority/authority.ts";
import type { Grant } from "../authority/grant.ts";
import type { ReserveRequest } from "../authority/request.ts";
import type { Reservation } from "../authority/reservation.ts";
import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import { AuthorityUnreachableError, DeniedError } from "../errors/index.ts";
import { ConfigurationError } from "../errors/local-errors.ts";
import { abortedError } from "../platform/async.ts";
import { unhonoured } from "./caps.ts";
import { bypassDestination, parentDestination } from "./destinations.ts";
import type { ReservationOptions } from "./options.ts";
import { capsRefused, openOwn, ready, unreachable } from "./own-reservation.ts";
import { ReservationHandle } from "./reservation-handle.ts";
import { SpendTracker } from "./spend-tracker.ts";

/**
 * Opens a reservation to be settled by hand; `await using` settles it by what is known when the scope ends.
 * @throws ValidationError, and ConfigurationError for options that the authority refuses, before anything is sent;
 * DeniedError on a denial and on caps outside `options.honours`; AuthorityUnreachableError when there is no usable
 * answer; AbortedError; ProtocolError for any other refusal.
 * @example
 * await using reservation = await openReservation(authority, { estimate: usd("0.10"), action: { kind: "tool.search" } });
 * const { cost } = await search("tea", reservation.signal);
 * await reservation.commit(cost);
 */
export async function openReservation(
  source: AuthoritySource,
  request: ReserveRequest,
  options: ReservationOptions = {},
): Promise<Reservation> {
  return openHandle(authorityOf(source), request, options);
}

/** As `openReservation`, for the helpers that also settle. @internal */
export async function openHandle(
  authority: SpendAuthority,
  request: ReserveRequest,
  options: ReservationOptions,
): Promise<ReservationHandle> {
  const { idempotencyKey, ...nested } = ready(authority, request, options);
  if (options.nest === "within") return openWithin(authority, request, idempotencyKey, nested);
  try {
    return await openOwn(authority, request, idempotencyKey, nested);
  } catch (error) {
    if (!options.failOpen || options.signal?.aborted || !unreachable(causeOf(error))) throw error;
    return openBypass(authority, request, idempotencyKey, nested, options.failOpen.reason, error as Error);
  }
}

/** A part of the parent's reservation: nothing is sent. */
function openWithin(
  authority: SpendAuthority,
  request: ReserveRequest,
  idempotencyKey: string,
  options: ReservationOptions,
): ReservationHandle {
  const { parent } = options;
  if (!(parent instanceof ReservationHandle)) {
    throw new ConfigurationError(`nest: "within" needs a parent reservation of this library; pass options.parent.`);
  }
  const tracker = new SpendTracker(request.estimate);
  if (parent.ended || !parent.tracker.hold(tracker)) {
    const message = `The estimate does not fit into what is left of the parent reservation ${parent.id}.`;
    throw new DeniedError(message, { reasonCode: "PARENT_EXHAUSTED" });
  }
  const { caps } = parent;
  const { decision } = parent.grant;
  const id = `${parent.id}/${idempotencyKey}`;
  const grant: Grant = { id, decision, reserved: request.estimate, caps, request, wire: undefined };
  if (unhonoured(caps, options.honours).length > 0) {
    parent.tracker.settleNested(tracker, "none");
    throw capsRefused(grant, options);
  }
  const destination = parentDestination(authority, parent, tracker, grant, idempotencyKey);
  return new ReservationHandle(grant, idempotencyKey, destination, options, decision, tracker);
}

/** A reservation that stands in for the authority's: the body runs, and the books are kept as a dead letter. */
async function openBypass(
  authority: SpendAuthority,
  request: ReserveRequest,
  idempotencyKey: string,
  options: ReservationOptions,
  reason: string,
  error: Error,
): Promise<ReservationHandle> {
  const { estimate: reserved } = request;
  const grant: Grant = {
    id: `bypass-${idempotencyKey}`,
    decision: "ALLOW",
    reserved,
    caps: [],
    request,
    wire: undefined,
  };
  const destination = await bypassDestination(authority, grant, idempotencyKey, reason, error, options.parent?.id);
  if (options.signal?.aborted) {
    await destination.forget();
    throw abortedError(options.signal, "The reservation");
  }
  return new ReservationHandle(grant, idempotencyKey, destination, options, "BYPASS");
}

function causeOf(error: unknown): unknown {
  return AuthorityUnreachableError.isInstance(error) ? error.cause : undefined;
}
