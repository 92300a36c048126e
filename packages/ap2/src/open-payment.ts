import {
  AbortedError,
  AuthorityUnreachableError,
  DeniedError,
  type Reservation,
  Unit,
  ValidationError,
  openReservation,
  parseWire,
  randomHex,
  settlementQueue,
  stringifyJson,
} from "@imprest/core";
import {
  type ReservationCreateResponse,
  reservationCreateRequestSchema,
  reservationCreateResponseSchema,
} from "@imprest/core/models/cycles";
import { CyclesError, type CyclesSource, metadataOf } from "@imprest/cycles";
import { type PaymentAuthority, type PaymentExtension, claimName, paymentAuthority } from "./authority.ts";
import { type ReserveBody, buildReserveBody } from "./bodies.ts";
import { AP2AlreadyConsumed, AP2DryRunResult, AP2GuardDenied, AP2MandateError, AP2ReserveUncertain } from "./errors.ts";
import { keyIn, scopeOf } from "./idempotency-key.ts";
import { suffixOf } from "./ledger/attempt.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import { type AP2Mandate, checkMandate } from "./mandate.ts";
import { checkMicrocents, toScaled } from "./microcents.ts";
import type { PaymentOptions, PaymentTerms } from "./options.ts";
import { PaymentHandle } from "./payment-handle.ts";
import { type Priced, price, quoteMetadata } from "./quote.ts";
import { boundedText } from "./text.ts";

/**
 * Claims the mandate and reserves the budget; the caller then charges and ends the payment.
 * @throws as `withReservation`, before anything was charged.
 */
export async function openHandle(
  source: CyclesSource,
  terms: PaymentTerms,
  options: PaymentOptions,
): Promise<PaymentHandle> {
  const authority = paymentAuthority(source, options.records);
  const mandate = checkTerms(terms, authority.ledger.clock.now());
  const priced = await price(
    mandate,
    terms.leg?.amountValue ?? mandate.amountValue,
    terms.quote,
    authority.ledger.clock.now(),
    terms,
  );
  const draft = new Draft(mandate, terms, priced);
  if (terms.dryRun) throw await dryRun(authority, draft, options);
  if (options.searchAuthority) await assertUnknownTo(authority, mandate, options);
  const claimed = await claim(authority, draft, options);
  return reserve(authority, claimed, draft, options);
}

/** A payment before it is claimed: checked, priced, and able to write its reserve. */
class Draft {
  readonly mandate: AP2Mandate;
  readonly terms: PaymentTerms;
  readonly priced: Priced;
  readonly estimate: bigint;

  constructor(mandate: AP2Mandate, terms: PaymentTerms, priced: Priced) {
    const { headroomBasisPoints = 0 } = terms;
    if (!Number.isSafeInteger(headroomBasisPoints) || headroomBasisPoints < 0) {
      throw invalid("headroomBasisPoints", "must be a whole number, zero or more");
    }
    this.mandate = mandate;
    this.terms = terms;
    this.priced = priced;
    const headroom = (priced.microcents * BigInt(headroomBasisPoints)) / 10_000n;
    this.estimate = checkMicrocents(priced.microcents + headroom, "The estimate");
    // Whatever is wrong with the terms is said before the mandate is claimed.
    this.body(keyIn(scopeOf(mandate), "reserve"), undefined);
  }

  /** The reserve under a key; `claim` is absent in a dry run. @throws ValidationError for what the server would refuse. */
  body(idempotencyKey: string, claim: string | undefined): ReserveBody {
    const { mandate, terms, priced, estimate } = this;
    const metadata = {
      ...terms.metadata,
      ...(priced.quote && quoteMetadata(priced.quote)),
      ...(claim !== undefined && { [claimName]: claim }),
    };
    const body = buildReserveBody({ ...terms, mandate, metadata }, { idempotencyKey, estimate });
    const { policy_keys: _, ...action } = body.action;
    parseWire(reservationCreateRequestSchema, { ...body, action }, "payment");
    return body;
  }
}

function checkTerms(terms: PaymentTerms, nowMs: number): AP2Mandate {
  const mandate = checkMandate(terms.mandate);
  boundedText("payment", "runId", terms.runId, 1, 256);
  if (terms.mode === "hnp" && mandate.openMandateHash === undefined) {
    throw new AP2MandateError(
      "The user is not present, so the payment needs an open mandate; make the mandate from its chain.",
    );
  }
  if (terms.enforceExpiry && mandate.expiresAtMs !== undefined && mandate.expiresAtMs <= nowMs) {
    throw new AP2MandateError("The mandate has expired.");
  }
  const { leg } = terms;
  if (leg !== undefined && !(Number.isSafeInteger(leg.number) && leg.number > 0)) {
    throw invalid("leg/number", "must be a whole number, 1 or more");
  }
  return mandate;
}

function claim(authority: PaymentAuthority, draft: Draft, { tracksCharge }: PaymentOptions): Promise<ClaimedAttempt> {
  const { mandate, terms, priced } = draft;
  const { amountValue } = terms.leg ?? mandate;
  return authority.ledger.claim({
    scope: scopeOf(mandate),
    links: mandate.linkedHashes ?? [],
    wish: {
      transactionId: mandate.transactionId,
      amount: toScaled(amountValue, terms),
      total: toScaled(mandate.amountValue, terms),
      leg: terms.leg?.number,
      limits: mandate.limits,
    },
    microcents: priced.microcents,
    phase: tracksCharge ? "reserving" : "charging",
    reserveBody: (scope, attempt) =>
      stringifyJson(draft.body(keyIn(scope, "reserve", suffixOf(attempt)), attempt.claim)),
  });
}

async function reserve(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  draft: Draft,
  options: PaymentOptions,
): Promise<PaymentHandle> {
  const { attempt, scope } = claimed;
  const { mandate, terms, priced, estimate } = draft;
  const extension: PaymentExtension = {
    reserveBody: attempt.reserveBody,
    scope,
    suffix: suffixOf(attempt),
    claim: attempt.claim,
    ignoresCaps: terms.compat === "python",
  };
  const request = {
    estimate: { unit: Unit.usdMicrocents, amount: estimate },
    action: { kind: terms.actionKind ?? "payment.charge" },
    extensions: { ap2: { ...extension } },
  };
  let handle: PaymentHandle | undefined;
  let reservation: Reservation;
  try {
    reservation = await openReservation(authority, request, {
      idempotencyKey: claimed.key("reserve"),
      signal: options.signal,
      timeoutMs: options.timeoutMs,
      traceparent: options.traceparent,
      honours: options.honours,
      onSettlement: (settlement) => handle?.settled(settlement),
    });
  } catch (error) {
    throw await refused(authority, claimed, draft, error);
  }
  const grant = {
    decision: reservation.decision === "ALLOW_WITH_CAPS" ? ("ALLOW_WITH_CAPS" as const) : ("ALLOW" as const),
    caps: reservation.caps,
  };
  handle = new PaymentHandle(
    { authority, claimed, mandate, terms, options, microcents: priced.microcents, grant },
    reservation,
  );
  return handle;
}

/** The error for a reserve that did not lead to a body, with the claim brought in order: nothing was charged. */
async function refused(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  draft: Draft,
  error: unknown,
): Promise<unknown> {
  const { transactionId } = draft.mandate;
  if (AuthorityUnreachableError.isInstance(error)) {
    await claimed.write({ phase: "reserving", suspended: true });
    const { idempotencyKey, cause } = error;
    const message = `No usable answer to the reserve for transaction ${transactionId}, so nothing was charged. Make the same call again.`;
    const reasonCode = CyclesError.isInstance(cause) ? cause.errorCode : undefined;
    return new AP2ReserveUncertain(message, idempotencyKey, { reasonCode }, { cause });
  }
  if (AbortedError.isInstance(error) || DeniedError.isInstance(error)) {
    // A reservation may stand that the kernel gives back by itself; the next attempt has a key of its own.
    await claimed.write({ phase: "released" });
    if (AbortedError.isInstance(error)) return error;
    const { reasonCode, requestId, traceId, retryAfterMs } = error;
    return new AP2GuardDenied(error.message, { reasonCode, requestId, traceId, retryAfterMs }, { cause: error });
  }
  await claimed.withdraw();
  if (AP2GuardDenied.isInstance(error)) {
    const { idempotencyKey } = { idempotencyKey: claimed.key("reserve") };
    const estimate = { unit: Unit.usdMicrocents, amount: draft.estimate };
    const { reasonCode } = error;
    const { observer } = settlementQueue(authority);
    observer.emit("decision", { protocol: "ap2", idempotencyKey, decision: "DENY", estimate, caps: [], reasonCode });
  }
  return error;
}

/** Asks what a reserve would be answered, under a key of its own, so that the real one stays free. */
async function dryRun(authority: PaymentAuthority, draft: Draft, options: PaymentOptions): Promise<unknown> {
  const idempotencyKey = keyIn(scopeOf(draft.mandate), "probe", randomHex(16));
  const write = {
    path: "/v1/reservations",
    body: stringifyJson(draft.body(idempotencyKey, undefined)),
    idempotencyKey,
  };
  const operation = { name: "dryRun", status: 200, schema: reservationCreateResponseSchema } as const;
  let answer: ReservationCreateResponse;
  try {
    answer = await authority.cycles.client.connection.write(operation, write, options);
  } catch (cause) {
    if (!CyclesError.isInstance(cause)) throw cause;
    const { errorCode: reasonCode, requestId, traceId } = cause;
    return new AP2GuardDenied(cause.message, { reasonCode, requestId, traceId }, { cause });
  }
  const { decision, reason_code: reasonCode, caps, balances, affected_scopes: affectedScopes } = answer;
  if (decision !== "ALLOW" && decision !== "ALLOW_WITH_CAPS") {
    const { requestId, traceId } = metadataOf(answer) ?? {};
    return new AP2GuardDenied(`The authority would answer ${decision}.`, { reasonCode, requestId, traceId });
  }
  const message = `Dry run: the authority would answer ${decision}. Nothing was reserved and nothing charged.`;
  return new AP2DryRunResult(message, { decision, reasonCode, caps: caps && { ...caps }, balances, affectedScopes });
}

/** @throws AP2AlreadyConsumed when the authority knows a reservation under the mandate's key that was not given back. */
async function assertUnknownTo(
  authority: PaymentAuthority,
  mandate: AP2Mandate,
  options: PaymentOptions,
): Promise<void> {
  const key = keyIn(scopeOf(mandate), "reserve");
  for await (const found of authority.cycles.client.listReservations({ idempotency_key: key }, options)) {
    if (found.status === "RELEASED") continue;
    const { reservation_id: reservationId, status } = found;
    const message = `The authority has reservation ${reservationId} (${status}) under this mandate. Nothing was started.`;
    throw new AP2AlreadyConsumed(message, { reasonCode: "ALREADY_CONSUMED", reservationId });
  }
}

function invalid(pointer: string, message: string): ValidationError {
  return new ValidationError("payment", [{ pointer: `/${pointer}`, message }]);
}
