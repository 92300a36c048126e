import type { RecordStore } from "@imprest/core";
import { type PaymentAuthority, type PaymentSource, paymentAuthority } from "../authority.ts";
import { clockSkewMs } from "../draft.ts";
import { AP2GuardError, AP2MandateError } from "../errors.ts";
import { identitiesOf } from "../idempotency-key.ts";
import { type Attempt, isAbandoned } from "../ledger/attempt.ts";
import { ClaimedAttempt } from "../ledger/claimed-attempt.ts";
import { type AP2Mandate, checkMandate } from "../mandate.ts";
import { type Resolution, resolveAttempt } from "../resolve-attempt.ts";
import { sha256Hex } from "../sha256.ts";
import { assertPresented } from "./presented-mandate.ts";
import { type VerifyMandateReceiptOptions, verifyMandateReceipt } from "./verify-mandate-receipt.ts";

/** Options of `releaseRejected`: whose receipt is believed, and where the payment was written down. */
export interface ReleaseRejectedOptions extends VerifyMandateReceiptOptions {
  readonly records?: RecordStore | undefined;
}

/** `iat` counts whole seconds: a receipt may have been issued at any moment of its second. */
const secondMs = 1_000;

/**
 * Opens an open mandate for its next attempt after a signed rejection of the last one (AP2 v0.2: no subsequent
 * presentation "without receiving a rejection receipt"). The rejection is verified here; nobody's word is taken for it. It
 * frees the one attempt that it rejects: its mandate is the one that was tried, it was issued after the attempt began, it
 * is believed once, and never while the payment's body may still run.
 * @param mandate as it was tried, with the same transaction id.
 * @returns `"released"`, or what has become of the attempt otherwise: one that was charged stays used.
 * @throws AP2MandateError when the receipt is no verified rejection of this attempt; AP2GuardError when nothing was tried,
 * or the payment is under way; ValidationError when `mandate` or `options.mandate` is no mandate.
 * @example
 * const freed = await releaseRejected(authority, mandate, receipt, { key: verifierKey, mandate: chain, records });
 * if (freed === "released") await pay(mandateFromAP2(nextChain));
 */
export async function releaseRejected(
  source: PaymentSource,
  mandate: AP2Mandate,
  receipt: string,
  options: ReleaseRejectedOptions,
): Promise<Resolution> {
  const { outcome, receipt: read, findings } = await verifyMandateReceipt(receipt, options);
  if (outcome !== "error" || read === undefined) throw unproven(findings[0]?.message ?? "It reports a success.");
  const tried = checkMandate(mandate);
  assertPresented(tried, options.mandate);
  const authority = paymentAuthority(source, options.records);
  const found = await authority.ledger.find(await identitiesOf(tried));
  const own = found === undefined ? [] : authority.ledger.ownOf(found.record);
  const attempts = own.filter(({ transactionId }) => transactionId === tried.transactionId);
  const attempt = attempts.at(-1);
  if (found === undefined || attempt === undefined) {
    throw new AP2GuardError(
      "ERR_AP2_NOTHING_PAID",
      "Nothing was tried under this mandate, so there is nothing to release.",
    );
  }
  const rejectedBy = await idOf(receipt);
  if (found.record.attempts.some((one) => one.rejectedBy === rejectedBy)) {
    throw unproven("It was believed before, and a receipt is believed once.");
  }
  assertOfLast(attempts, attempt, read.iat, authority);
  const claimed = new ClaimedAttempt(authority.ledger, found.key, found.record, attempt, found.version);
  const refused = { declined: true, rejectedBy };
  if (attempt.phase === "released") await claimed.write(refused);
  return (await resolveAttempt(authority, claimed, {}, refused)).resolution;
}

/** @throws when the receipt cannot be of the last attempt, or that attempt may still charge. */
function assertOfLast(
  attempts: readonly Attempt[],
  last: Attempt,
  issuedAt: number | undefined,
  { ledger }: PaymentAuthority,
): void {
  if (attempts.some(({ leg }) => leg !== last.leg)) {
    throw unproven("Several legs were tried, and it does not say which one it is of.");
  }
  if (issuedAt === undefined) throw unproven("It does not say when it was issued (iat).");
  const nowMs = ledger.clock.now();
  if (issuedAt * secondMs > nowMs + clockSkewMs) throw unproven("It is from the future.");
  // Within the second in which the last attempt began, it may answer an earlier one whose receipt nobody has seen yet.
  const isOfLast = attempts.slice(0, -1).every(({ rejectedBy }) => rejectedBy !== undefined);
  // No more than that second: a verifier whose clock is behind leaves the payment held, which costs a look-up. Tolerance
  // would let the answer to an earlier presentation free a payment that was charged.
  const latestMs = issuedAt * secondMs + (isOfLast ? secondMs - 1 : 0);
  if (latestMs < last.startedAtMs) throw unproven("It was issued before the attempt began.");
  const isOver = last.phase === "settled" || last.phase === "released";
  if (!isOver && !isAbandoned(last, nowMs)) {
    throw new AP2GuardError(
      "ERR_AP2_IN_USE",
      "The payment is under way; a rejection is believed once it has given up.",
    );
  }
}

/** A signature has a second valid spelling, so the receipt is known by what was signed. */
function idOf(receipt: string): Promise<string> {
  return sha256Hex(receipt.slice(0, receipt.lastIndexOf(".")));
}

function unproven(why: string): AP2MandateError {
  return new AP2MandateError(`The receipt is no verified rejection of this attempt. ${why}`);
}
