import type { RecordStore } from "@imprest/core";
import type { CyclesSource } from "@imprest/cycles";
import { paymentAuthority } from "../authority.ts";
import { AP2GuardError, AP2MandateError } from "../errors.ts";
import { scopeOf } from "../idempotency-key.ts";
import { ClaimedAttempt } from "../ledger/claimed-attempt.ts";
import type { AP2Mandate } from "../mandate.ts";
import { type Resolution, resolveAttempt } from "../resolve-attempt.ts";
import { type VerifyMandateReceiptOptions, verifyMandateReceipt } from "./verify-mandate-receipt.ts";

/** Options of `releaseRejected`: whose receipt is believed, and where the payment was written down. */
export interface ReleaseRejectedOptions extends VerifyMandateReceiptOptions {
  readonly records?: RecordStore | undefined;
}

/**
 * Opens an open mandate for its next attempt after a signed rejection of the last one (AP2 v0.2: no subsequent
 * presentation "without receiving a rejection receipt"). The rejection is verified here; nobody's word is taken for it.
 * @param mandate as it was tried, with the same transaction id.
 * @returns `"released"`, or what has become of the attempt otherwise: one that was charged stays used.
 * @throws AP2MandateError when the receipt is no verified rejection of this mandate; AP2GuardError when nothing was tried.
 */
export async function releaseRejected(
  source: CyclesSource,
  mandate: AP2Mandate,
  receipt: string,
  options: ReleaseRejectedOptions,
): Promise<Resolution> {
  const { outcome, findings } = await verifyMandateReceipt(receipt, options);
  if (outcome !== "error") {
    const why = findings[0]?.message ?? "It reports a success.";
    throw new AP2MandateError(`The receipt is no verified rejection of this mandate. ${why}`);
  }
  const authority = paymentAuthority(source, options.records);
  const found = await authority.ledger.find(scopeOf(mandate), mandate.linkedHashes ?? []);
  const attempt = found?.record.attempts.findLast(({ transactionId }) => transactionId === mandate.transactionId);
  if (found === undefined || attempt === undefined) {
    throw new AP2GuardError("ERR_AP2_LEDGER", "Nothing was tried under this mandate, so there is nothing to release.");
  }
  const claimed = new ClaimedAttempt(authority.ledger, found.key, found.record, attempt, found.version);
  const refused = { declined: true };
  return (await resolveAttempt(authority, claimed, {}, refused)).resolution;
}
