import { AbortedError, AuthorityUnreachableError, DeniedError, ProtocolError, Unit } from "@imprest/core";
import { openOwnReservation, randomHex, stringifyJson } from "@imprest/core/internal";
import { type PaymentAuthority, type PaymentSource, paymentAuthority } from "./authority.ts";
import { chargeKind, refundKind } from "./bodies.ts";
import { Draft, checkTerms } from "./draft.ts";
import { AP2GuardDenied, AP2GuardError, AP2MandateError, AP2ReserveUncertain } from "./errors.ts";
import { identitiesOf, keyIn, linksOf, scopeOf } from "./idempotency-key.ts";
import { suffixOf } from "./ledger/attempt.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import type { AP2Mandate } from "./mandate.ts";
import { checkMicrocents, toScaled } from "./microcents.ts";
import type { PaymentOptions, PaymentTerms, RefundTerms } from "./options.ts";
import { type OwnReservation, PaymentHandle } from "./payment-handle.ts";
import { PaymentPort } from "./payment-port.ts";
import { price } from "./quote.ts";
import { halfSha256Hex } from "./sha256.ts";

/**
 * Claims the mandate and reserves the budget; the caller then charges and ends the payment.
 * @throws as `withReservation`, before anything was charged.
 */
export async function openHandle(
  source: PaymentSource,
  terms: PaymentTerms,
  options: PaymentOptions,
): Promise<PaymentHandle> {
  const authority = paymentAuthority(source, options.records);
  const mandate = checkTerms(terms, authority.ledger.clock.now());
  const { amountValue } = terms.leg ?? mandate;
  const priced = await price(mandate, amountValue, terms.quote, authority.ledger.clock.now(), terms);
  const draft = new Draft(mandate, terms, priced, {
    scope: await scopeOf(mandate),
    amount: toScaled(amountValue, terms),
    total: toScaled(mandate.amountValue, terms),
    leg: terms.leg?.number,
    isRefund: false,
  });
  if (terms.dryRun) throw await dryRun(authority, draft, options);
  const claimed = await claim(authority, draft, options);
  if (options.searchAuthority) await assertUnknown(authority, claimed, options);
  return reserve(authority, claimed, draft, options);
}

/** A refund: a leg of its own scope, whose total is what was captured. */
export async function openRefund(
  source: PaymentSource,
  { refund, ...terms }: RefundTerms,
  options: PaymentOptions,
): Promise<PaymentHandle> {
  const authority = paymentAuthority(source, options.records);
  const amount = checkMicrocents(refund.amount, "refund.amount");
  if (amount === 0n)
    throw new AP2MandateError("refund.amount must be above zero: a refund of nothing would use its number.");
  const charge = { ...terms, actionKind: refundKind, leg: { number: refund.number, amountValue: "0" } };
  const mandate = checkTerms(charge, authority.ledger.clock.now());
  const { captured, scope } = await capturedUnder(authority, mandate);
  const draft = new Draft(
    mandate,
    charge,
    { microcents: amount },
    {
      // By the purchase, not by its form; under a mandate of several payments, each is refunded by itself.
      scope: `ap2:refund:${await halfSha256Hex(`${scope}:${mandate.transactionId}`)}`,
      amount,
      total: captured,
      leg: refund.number,
      isRefund: true,
    },
  );
  if (charge.dryRun) throw await dryRun(authority, draft, options);
  return reserve(authority, await claim(authority, draft, options), draft, options);
}

/** What the PSP charged for one transaction, in microcents, and where it is kept. @throws AP2GuardError when it charged nothing. */
async function capturedUnder(
  authority: PaymentAuthority,
  mandate: AP2Mandate,
): Promise<{ readonly captured: bigint; readonly scope: string }> {
  const found = await authority.ledger.find(await identitiesOf(mandate));
  const own = found === undefined ? [] : authority.ledger.ownOf(found.record);
  const paid = own.filter(({ transactionId }) => transactionId === mandate.transactionId);
  const captured = paid.reduce((sum, { charged }) => sum + BigInt(charged?.amount ?? 0), 0n);
  if (found !== undefined && captured > 0n) return { captured, scope: found.record.scope };
  throw new AP2GuardError(
    "ERR_AP2_NOTHING_PAID",
    "Nothing was captured under this mandate, so there is nothing to refund.",
  );
}

function claim(authority: PaymentAuthority, draft: Draft, { tracksCharge }: PaymentOptions): Promise<ClaimedAttempt> {
  const { mandate, priced, purpose } = draft;
  const { scope, amount, total, leg, isRefund } = purpose;
  const { transactionId, limits, delegations } = mandate;
  const whole = leg === undefined ? undefined : `${total} ${mandate.currency.toUpperCase()}`;
  return authority.ledger.claim({
    scope,
    links: isRefund ? [] : linksOf(mandate),
    terms: { transactionId, amount, total, leg, ...(!isRefund && { limits, delegations, whole }) },
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
  const { reserveBody, claim: own } = attempt;
  const ignoresCaps = terms.compat === "python";
  const port = new PaymentPort(authority, {
    reserveBody,
    scope,
    suffix: suffixOf(attempt),
    claim: own,
    ignoresCaps,
    isResumed: claimed.isResumed,
  });
  const request = {
    estimate: { unit: Unit.usdMicrocents, amount: estimate },
    action: { kind: terms.actionKind ?? chargeKind },
  };
  let handle: PaymentHandle | undefined;
  let reservation: OwnReservation;
  try {
    reservation = await openOwnReservation(port, request, {
      idempotencyKey: claimed.key("reserve"),
      signal: options.signal,
      timeoutMs: options.timeoutMs,
      traceparent: options.traceparent,
      honours: options.honours,
      onSettlement: (settlement) => handle?.settled(settlement),
    });
  } catch (error) {
    throw await refused(claimed, draft, port, error);
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
async function refused(claimed: ClaimedAttempt, draft: Draft, port: PaymentPort, error: unknown): Promise<unknown> {
  const { transactionId } = draft.mandate;
  if (AuthorityUnreachableError.isInstance(error)) {
    await claimed.write({ phase: "reserving", suspended: true });
    const { idempotencyKey, cause } = error;
    const message = `No usable answer to the reserve for transaction ${transactionId}, so nothing was charged. Make the same call again.`;
    const reasonCode = ProtocolError.isInstance(cause) ? cause.errorCode : undefined;
    return new AP2ReserveUncertain(message, idempotencyKey, { reasonCode }, { cause });
  }
  if (AbortedError.isInstance(error) || (DeniedError.isInstance(error) && !AP2GuardDenied.isInstance(error))) {
    // A reservation may stand that the kernel gives back by itself; the next attempt has a key of its own.
    await claimed.write({ phase: "released" });
    if (AbortedError.isInstance(error)) return error;
    return new AP2GuardDenied(error.message, error, { cause: error });
  }
  // A refusal of the request says nothing of an earlier one under the same key, whose answer was lost.
  if (port.mayStand && !isDecision(error)) await claimed.write({ phase: "reserving", suspended: true });
  else await claimed.withdraw();
  return error;
}

/** Whether the authority looked at the reserve and decided: then no earlier one stands under its key. */
function isDecision(error: unknown): boolean {
  if (!AP2GuardDenied.isInstance(error)) return false;
  return !ProtocolError.isInstance(error.cause) || error.cause.status === 409;
}

/** Asks what a reserve would be answered, under a key of its own, so that the real one stays free. */
async function dryRun(authority: PaymentAuthority, draft: Draft, options: PaymentOptions): Promise<unknown> {
  const idempotencyKey = keyIn(draft.purpose.scope, "probe", randomHex(16));
  return authority.budget.probe(stringifyJson(draft.body(idempotencyKey, undefined)), idempotencyKey, options);
}

async function assertUnknown(
  { budget }: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: PaymentOptions,
): Promise<void> {
  try {
    await budget.assertUnknown(claimed.attempt, claimed.key("reserve"), options);
  } catch (error) {
    await claimed.withdraw();
    throw error;
  }
}
