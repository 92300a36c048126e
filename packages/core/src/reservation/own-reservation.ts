import type { SpendAuthority } from "../authority/authority.ts";
import type { Grant } from "../authority/grant.ts";
import type { ReserveRequest } from "../authority/request.ts";
import type { ReleaseReason } from "../authority/settlement.ts";
import {
  AuthorityUnreachableError,
  DeniedError,
  ProtocolError,
  ResponseFormatError,
  TransportError,
} from "../errors/index.ts";
import { createIdempotencyKey } from "../idempotency/key.ts";
import { abortedError, raceAbort } from "../platform/async.ts";
import { outboxOf } from "../settlement/outbox.ts";
import { unhonoured } from "./caps.ts";
import { flawOf, isUsableId } from "./check-grant.ts";
import { authorityDestination } from "./destinations.ts";
import { keepAlive } from "./keep-alive.ts";
import type { ReservationOptions } from "./options.ts";
import { checkRequest } from "./request.ts";
import { ReservationHandle } from "./reservation-handle.ts";

/** Options of a reservation that the authority keeps: never a part of its parent's, never a bypass. */
export type OwnReservationOptions = Omit<ReservationOptions, "nest" | "failOpen">;

/**
 * As `openReservation`, for whoever neither nests `within` nor fails open: the payment guard loads no more than this.
 * @throws as `openReservation`.
 */
export async function openOwnReservation(
  authority: SpendAuthority,
  request: ReserveRequest,
  options: OwnReservationOptions,
): Promise<ReservationHandle> {
  const { idempotencyKey, ...nested } = ready(authority, request, options);
  return openOwn(authority, request, idempotencyKey, nested);
}

/** Checks what is asked for, and finds the parent and the key where the options name none. @throws before anything is sent. */
export function ready<Options extends ReservationOptions>(
  authority: SpendAuthority,
  request: ReserveRequest,
  options: Options,
): Options & { readonly idempotencyKey: string } {
  checkRequest(request);
  authority.checkOptions?.(options);
  if (options.signal?.aborted) throw abortedError(options.signal, "The reservation");
  const parent = options.parent ?? authority.environment?.context?.current();
  const nested = parent === undefined ? options : { ...options, parent };
  return { ...nested, idempotencyKey: options.idempotencyKey ?? createIdempotencyKey() };
}

/** Reserves from the authority, for options that are ready. */
export async function openOwn(
  authority: SpendAuthority,
  request: ReserveRequest,
  idempotencyKey: string,
  options: OwnReservationOptions,
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
  options: OwnReservationOptions,
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

export function capsRefused(grant: Grant, options: OwnReservationOptions): DeniedError {
  const names = unhonoured(grant.caps, options.honours).map(({ name }) => name);
  const message =
    `The authority allows this only under caps that the call does not honour: ${names.join(", ")}. ` +
    "Apply them and name them in options.honours.";
  const { decision, caps, requestId, traceId } = grant;
  return new DeniedError(message, { decision, caps, reasonCode: "CAPS_NOT_HONOURED", requestId, traceId });
}

/** No answer at all, or the server's own failure: what `failOpen` is for. */
export function unreachable(error: unknown): boolean {
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
