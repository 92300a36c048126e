import {
  AuthorityUnreachableError,
  DeniedError,
  ProtocolError,
  ResponseFormatError,
  TransportError,
} from "../errors/index.ts";
import { createIdempotencyKey } from "../idempotency/key.ts";
import { abortedError, raceAbort } from "../platform/async.ts";
import { ConfigurationError } from "../errors/local-errors.ts";
import { unhonoured } from "./caps.ts";
import { flawOf, isUsableId } from "./check-grant.ts";
import { keepAlive } from "./keep-alive.ts";
import type { ReservationOptions } from "./options.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import type { Grant } from "../authority/grant.ts";
import type { ReserveRequest } from "../authority/request.ts";
import { checkRequest } from "./request.ts";
import { ReservationHandle } from "./reservation-handle.ts";
import type { Reservation } from "../authority/reservation.ts";
import { outboxOf } from "../settlement/outbox.ts";
import { authorityDestination, bypassDestination, parentDestination } from "./destinations.ts";
import { SpendTracker } from "./spend-tracker.ts";
import type { ReleaseReason } from "../authority/settlement.ts";

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
  checkRequest(request);
  authority.checkOptions?.(options);
  if (options.signal?.aborted) throw abortedError(options.signal, "The reservation");
  const parent = options.parent ?? authority.environment?.context?.current();
  const nested: ReservationOptions = parent === undefined ? options : { ...options, parent };
  const idempotencyKey = options.idempotencyKey ?? createIdempotencyKey();
  if (options.nest === "within") return openWithin(authority, request, idempotencyKey, nested);
  return openOwn(authority, request, idempotencyKey, nested);
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

async function openOwn(
  authority: SpendAuthority,
  request: ReserveRequest,
  idempotencyKey: string,
  options: ReservationOptions,
): Promise<ReservationHandle> {
  // The caller's signal does not reach the wire: an ALLOW that nobody reads would hold budget until its TTL.
  const granting = reserve(authority, request, idempotencyKey, options);
  let granted: Granted;
  try {
    granted = await raceAbort(granting, options.signal, "The reservation");
  } catch (error) {
    if (options.signal?.aborted) {
      granting.then(
        ({ grant }) =>
          giveBack(authority, grant, idempotencyKey, options.traceparent, {
            code: "aborted",
            text: "the caller aborted",
          }),
        () => {},
      );
      throw error;
    }
    if (options.failOpen && unreachable(causeOf(error))) {
      return openBypass(authority, request, idempotencyKey, options, options.failOpen.reason, error as Error);
    }
    throw error;
  }
  const { grant, rttMs } = granted;
  const flaw = flawOf(grant, request);
  if (flaw !== undefined) {
    const text = `The ${authority.protocol} authority granted what cannot be used: ${flaw}. The call did not start.`;
    if (isUsableId((grant as Grant | null)?.id))
      giveBack(authority, grant, idempotencyKey, options.traceparent, { code: "malformed", text });
    throw new AuthorityUnreachableError(text, idempotencyKey);
  }
  if (unhonoured(grant.caps, options.honours).length > 0) {
    giveBack(authority, grant, idempotencyKey, options.traceparent, { code: "caps", text: "caps not honoured" });
    throw capsRefused(grant, options);
  }
  const handle = new ReservationHandle(
    grant,
    idempotencyKey,
    authorityDestination(authority, grant, idempotencyKey, options.traceparent, {
      parentReservationId: options.parent?.id,
    }),
    options,
  );
  if (grant.lease) keepAlive(authority, handle, grant.lease, rttMs);
  return handle;
}

interface Granted {
  readonly grant: Grant;
  readonly rttMs: number;
}

/** Reserves, with one immediate retry under the same key when the answer was lost (Cycles §extend, create ambiguity). */
async function reserve(
  authority: SpendAuthority,
  request: ReserveRequest,
  idempotencyKey: string,
  options: ReservationOptions,
): Promise<Granted> {
  const { protocol } = authority;
  const outbox = outboxOf(authority);
  const { clock } = outbox;
  const { timeoutMs, traceparent } = options;
  const attempt = async (): Promise<Granted> => {
    const started = clock.monotonic();
    const grant = await authority.reserve(request, { timeoutMs, traceparent, idempotencyKey });
    return { grant, rttMs: clock.monotonic() - started };
  };
  const { estimate, action } = request;
  const subject = authority.speaksFor ? { ...authority.speaksFor, ...request.subject } : request.subject;
  const asked = { protocol, idempotencyKey, estimate, action, subject };
  try {
    const granted = await attempt().catch((error: unknown) => {
      if (!ambiguous(error) || options.signal?.aborted) throw error;
      outbox.observer?.emit("retry", {
        protocol,
        operation: "reserve",
        idempotencyKey,
        error: error as Error,
        delayMs: 0,
      });
      return attempt();
    });
    // A grant that cannot be used is no decision; `openOwn` refuses it.
    if (flawOf(granted.grant, request) !== undefined) return granted;
    const { id: reservationId, decision, caps, evidence } = granted.grant;
    outbox.observer?.emit("decision", {
      ...asked,
      decision,
      caps,
      reservationId,
      evidence,
    });
    return granted;
  } catch (error) {
    if (DeniedError.isInstance(error)) {
      const { decision, caps, reasonCode } = error;
      outbox.observer?.emit("decision", { ...asked, decision, caps, reasonCode });
    }
    if (!ambiguous(error)) throw error;
    const message = `The ${protocol} authority gave no usable answer, so the call did not start. Check that it runs and is reachable.`;
    throw new AuthorityUnreachableError(message, idempotencyKey, { cause: error });
  }
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

/** Releases a grant that no body will use, in the background. */
function giveBack(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  traceparent: string | undefined,
  reason: ReleaseReason,
): void {
  void authorityDestination(authority, grant, idempotencyKey, traceparent, "not-here").settle(
    { kind: "release", reason },
    () => {},
  );
}

function capsRefused(grant: Grant, options: ReservationOptions): DeniedError {
  const names = unhonoured(grant.caps, options.honours).map(({ name }) => name);
  const message =
    `The authority allows this only under caps that the call does not honour: ${names.join(", ")}. ` +
    "Apply them and name them in options.honours.";
  const { decision, caps, requestId, traceId } = grant;
  return new DeniedError(message, { decision, caps, reasonCode: "CAPS_NOT_HONOURED", requestId, traceId });
}

/** No answer at all, or the server's own failure: what `failOpen` is for. */
function unreachable(error: unknown): boolean {
  if (ProtocolError.isInstance(error)) {
    const { status = 0 } = error;
    return status >= 500 && status <= 599;
  }
  return TransportError.isInstance(error) && !ResponseFormatError.isInstance(error);
}

/** The reservation may exist although nothing usable came back. */
function ambiguous(error: unknown): boolean {
  return unreachable(error) || ResponseFormatError.isInstance(error);
}

function causeOf(error: unknown): unknown {
  return AuthorityUnreachableError.isInstance(error) ? error.cause : undefined;
}
