import {
  AbortedError,
  AuthorityUnreachableError,
  DeniedError,
  type Reservation,
  Unit,
  openReservation,
} from "@imprest/core";
import { randomHex, stringifyJson } from "@imprest/core/internal";
import { type ReservationCreateResponse, reservationCreateResponse } from "@imprest/core/models/cycles";
import { CyclesError, type CyclesSource } from "@imprest/cycles";
import {
  type PaymentAuthority,
  type PaymentExtension,
  claimName,
  deniedBy,
  idsOf,
  isAllowed,
  paymentAuthority,
} from "./authority.ts";
import { chargeKind, refundKind } from "./bodies.ts";
import { Draft, checkTerms } from "./draft.ts";
import { AP2AlreadyConsumed, AP2DryRunResult, AP2GuardDenied, AP2GuardError, AP2ReserveUncertain } from "./errors.ts";
import { hashOf, keyIn, scopeOf } from "./idempotency-key.ts";
import { suffixOf } from "./ledger/attempt.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import type { AP2Mandate } from "./mandate.ts";
import { checkMicrocents, toScaled } from "./microcents.ts";
import type { PaymentOptions, PaymentTerms, RefundTerms } from "./options.ts";
import { PaymentHandle } from "./payment-handle.ts";
import { price } from "./quote.ts";

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
  const { amountValue } = terms.leg ?? mandate;
  const priced = await price(mandate, amountValue, terms.quote, authority.ledger.clock.now(), terms);
  const draft = new Draft(mandate, terms, priced, {
    scope: scopeOf(mandate),
    amount: toScaled(amountValue, terms),
    total: toScaled(mandate.amountValue, terms),
    leg: terms.leg?.number,
    isRefund: false,
  });
  if (terms.dryRun) throw await dryRun(authority, draft, options);
  const claimed = await claim(authority, draft, options);
  if (options.searchAuthority) await assertUnknownTo(authority, claimed, options);
  return reserve(authority, claimed, draft, options);
}

/** A refund: a leg of its own scope, whose total is what was captured. */
export async function openRefund(
  source: CyclesSource,
  { refund, ...terms }: RefundTerms,
  options: PaymentOptions,
): Promise<PaymentHandle> {
  const authority = paymentAuthority(source, options.records);
  const amount = checkMicrocents(refund.amount, "refund.amount");
  const charge = { ...terms, actionKind: refundKind, leg: { number: refund.number, amountValue: "0" } };
  const mandate = checkTerms(charge, authority.ledger.clock.now());
  const captured = await capturedUnder(authority, mandate);
  const draft = new Draft(
    mandate,
    charge,
    { microcents: amount },
    {
      // Under a mandate of several payments, each is refunded by itself.
      scope: `ap2:refund:${hashOf(`${scopeOf(mandate)}:${mandate.transactionId}`)}`,
      amount,
      total: captured,
      leg: refund.number,
      isRefund: true,
    },
  );
  if (charge.dryRun) throw await dryRun(authority, draft, options);
  return reserve(authority, await claim(authority, draft, options), draft, options);
}

/** What the PSP charged for one transaction, in microcents. @throws AP2GuardError when it charged nothing. */
async function capturedUnder(authority: PaymentAuthority, mandate: AP2Mandate): Promise<bigint> {
  const found = await authority.ledger.find(scopeOf(mandate), mandate.linkedHashes ?? []);
  const paid = found?.record.attempts.filter(({ transactionId }) => transactionId === mandate.transactionId) ?? [];
  const captured = paid.reduce((sum, { charged }) => sum + BigInt(charged?.amount ?? 0), 0n);
  if (captured > 0n) return captured;
  throw new AP2GuardError("ERR_AP2_LEDGER", "Nothing was captured under this mandate, so there is nothing to refund.");
}

function claim(authority: PaymentAuthority, draft: Draft, { tracksCharge }: PaymentOptions): Promise<ClaimedAttempt> {
  const { mandate, priced, purpose } = draft;
  const { scope, amount, total, leg, isRefund } = purpose;
  const { transactionId, limits, linkedHashes = [] } = mandate;
  return authority.ledger.claim({
    scope,
    links: isRefund ? [] : linkedHashes,
    wish: { transactionId, amount, total, leg, limits: isRefund ? undefined : limits },
    microcents: priced.microcents,
    isRefund,
    phase: tracksCharge ? "reserving" : "charging",
    reserveBody: (agreed, attempt) =>
      stringifyJson(draft.body(keyIn(agreed, "reserve", suffixOf(attempt)), attempt.claim)),
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
    action: { kind: terms.actionKind ?? chargeKind },
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
    throw await refused(claimed, draft, error);
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
async function refused(claimed: ClaimedAttempt, draft: Draft, error: unknown): Promise<unknown> {
  const { transactionId } = draft.mandate;
  if (AuthorityUnreachableError.isInstance(error)) {
    await claimed.write({ phase: "reserving", suspended: true });
    const { idempotencyKey, cause } = error;
    const message = `No usable answer to the reserve for transaction ${transactionId}, so nothing was charged. Make the same call again.`;
    const reasonCode = CyclesError.isInstance(cause) ? cause.errorCode : undefined;
    return new AP2ReserveUncertain(message, idempotencyKey, { reasonCode }, { cause });
  }
  if (AbortedError.isInstance(error) || (DeniedError.isInstance(error) && !AP2GuardDenied.isInstance(error))) {
    // A reservation may stand that the kernel gives back by itself; the next attempt has a key of its own.
    await claimed.write({ phase: "released" });
    if (AbortedError.isInstance(error)) return error;
    return new AP2GuardDenied(error.message, error, { cause: error });
  }
  await claimed.withdraw();
  return error;
}

/** Asks what a reserve would be answered, under a key of its own, so that the real one stays free. */
async function dryRun(authority: PaymentAuthority, draft: Draft, options: PaymentOptions): Promise<unknown> {
  const idempotencyKey = keyIn(draft.purpose.scope, "probe", randomHex(16));
  const write = {
    path: "/v1/reservations",
    body: stringifyJson(draft.body(idempotencyKey, undefined)),
    idempotencyKey,
  };
  const operation = { name: "dryRun", status: 200, schema: reservationCreateResponse } as const;
  let answer: ReservationCreateResponse;
  try {
    answer = await authority.cycles.client.connection.write(operation, write, options);
  } catch (cause) {
    if (!CyclesError.isInstance(cause)) throw cause;
    return deniedBy(cause);
  }
  const { decision, reason_code: reasonCode, caps, balances, affected_scopes: affectedScopes } = answer;
  if (!isAllowed(decision)) {
    return new AP2GuardDenied(`The authority would answer ${decision}.`, { reasonCode, ...idsOf(answer) });
  }
  const message = `Dry run: the authority would answer ${decision}. Nothing was reserved and nothing charged.`;
  return new AP2DryRunResult(message, { decision, reasonCode, caps: caps && { ...caps }, balances, affectedScopes });
}

/** @throws AP2AlreadyConsumed when the authority knows somebody else's reservation under the attempt's key. */
async function assertUnknownTo(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  { signal, timeoutMs, traceparent }: PaymentOptions,
): Promise<void> {
  const query = { idempotency_key: claimed.key("reserve"), include: ["metadata"] };
  try {
    for await (const found of authority.cycles.client.listReservations(query, { signal, timeoutMs, traceparent })) {
      if (found.status === "RELEASED" || found.metadata?.[claimName] === claimed.attempt.claim) continue;
      const { reservation_id: reservationId, status } = found;
      const message = `The authority has reservation ${reservationId} (${status}) under this mandate. Nothing was started.`;
      throw new AP2AlreadyConsumed(message, { reasonCode: "ALREADY_CONSUMED", reservationId });
    }
  } catch (error) {
    await claimed.withdraw();
    throw error;
  }
}
