import { parseWire } from "@imprest/core/internal";
import { checkoutMandate, paymentMandate } from "@imprest/core/models/ap2";
import { AP2MandateError } from "../errors.ts";
import { assertBound, coreOf } from "../from-ap2.ts";
import type { AP2Mandate } from "../mandate.ts";
import { toScaled } from "../microcents.ts";
import { type SdJwt, hashText, mandateHops, mandateId, parseChain } from "../sd-jwt.ts";

/**
 * That `chain`, a payment mandate or the checkout mandate that belongs to it, is what `mandate` was made of: the same
 * transaction under the same open mandate, and of a payment the same amount and payee.
 * @throws AP2MandateError when it is another one, or does not hold the open mandate; ValidationError for no mandate at all.
 */
export function assertPresented(mandate: AP2Mandate, chain: string): void {
  const chained = parseChain(chain);
  chained.forEach((hop, at) => at > 0 && assertBound(chained[at - 1] ?? hop, hop));
  const hops = mandateHops(chained);
  const [root] = hops;
  const leaf = hops.at(-1);
  if (root === undefined || leaf === undefined) throw other();
  const identities = [mandate.openMandateHash, ...(mandate.linkedHashes ?? [])];
  const isUnderSame =
    hops.length === 1
      ? mandate.openMandateHash === undefined
      : identities.includes(mandateId(root)) || identities.includes(hashText(root.presentation));
  if (!isUnderSame || !isSamePurchase(mandate, leaf)) throw other();
}

function isSamePurchase(tried: AP2Mandate, { mandate }: SdJwt): boolean {
  if (mandate["vct"] === "mandate.checkout.1") {
    return parseWire(checkoutMandate, mandate, "checkout mandate").checkout_hash === tried.transactionId;
  }
  const core = coreOf(parseWire(paymentMandate, mandate, "payment mandate"));
  return (
    core.transactionId === tried.transactionId &&
    core.currency === tried.currency &&
    core.payeeWebsite === tried.payeeWebsite &&
    toScaled(core.amountValue) === toScaled(tried.amountValue)
  );
}

function other(): AP2MandateError {
  return new AP2MandateError(
    "The receipt is no verified rejection of this attempt. options.mandate is another mandate than the one that was tried, or lacks its open mandate.",
  );
}
