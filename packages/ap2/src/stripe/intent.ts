import { divideRoundingUp } from "@imprest/core/internal";
import type { Stripe } from "stripe";
import type { Payment } from "../options.ts";
import { halfSha256Hex } from "../sha256.ts";

/** Under which names an object of Stripe says to which payment it belongs. */
export const metadataNames: { readonly key: string; readonly record: string; readonly claim: string } = {
  key: "imprest_key",
  record: "imprest_record",
  claim: "imprest_claim",
};

/**
 * What an object of a payment carries besides `given`. Stripe takes 500 characters a value; without the record a webhook does
 * not find the payment, and `recover` does.
 */
export function metadataOf(
  { pspIdempotencyKey, attempt }: Payment,
  given: Stripe.MetadataParam | "" | null | undefined,
): Stripe.MetadataParam {
  const { key, record, claim } = metadataNames;
  const found = attempt.record.length <= 500 ? { [record]: attempt.record, [claim]: attempt.claim } : {};
  return { ...(given || undefined), ...found, [key]: pspIdempotencyKey };
}

/** The name under which an intent keeps one capture; Stripe takes 40 characters. */
export async function captureName(key: string): Promise<string> {
  return `imprest_${await halfSha256Hex(key)}`;
}

/** What a PaymentIntent says about the money; `idle` when nothing moved and cancelling makes that final. */
export type IntentOutcome =
  | { readonly status: "charged"; readonly minorUnits: bigint }
  | { readonly status: "declined" | "idle" | "unknown" };

/**
 * Judges an intent by its status (Stripe, PaymentIntent lifecycle). Only `succeeded` is a charge: `processing` and
 * `requires_action` may become one, `requires_capture` holds money without moving it.
 */
export function outcomeOf({ status, amount, amount_received: received }: Stripe.PaymentIntent): IntentOutcome {
  switch (status) {
    case "succeeded":
      return { status: "charged", minorUnits: BigInt(received ?? amount) };
    case "canceled":
      // What was captured before the rest was cancelled has moved.
      return received > 0 ? { status: "charged", minorUnits: BigInt(received) } : { status: "declined" };
    case "requires_payment_method":
    case "requires_confirmation":
      return { status: "idle" };
    default:
      return { status: "unknown" };
  }
}

/** As `outcomeOf`, after an intent that is idle was cancelled: it cannot charge any more, whoever confirms it. */
export async function settledOutcomeOf(stripe: Stripe, intent: Stripe.PaymentIntent): Promise<IntentOutcome> {
  const outcome = outcomeOf(intent);
  if (outcome.status !== "idle") return outcome;
  try {
    const cancelled = outcomeOf(await stripe.paymentIntents.cancel(intent.id));
    return cancelled.status === "idle" ? { status: "unknown" } : cancelled;
  } catch {
    // Somebody may have confirmed it in this very moment.
    return { status: "unknown" };
  }
}

/** Minor units in microcents: exact for dollars, else the share of `whole` that they are of `wholeUnits`, rounded up. */
export function microcentsOf(minorUnits: bigint, currency: string, whole: bigint, wholeUnits: bigint): bigint {
  if (currency.toLowerCase() === "usd") return minorUnits * 1_000_000n;
  return wholeUnits === 0n ? 0n : divideRoundingUp(whole * minorUnits, wholeUnits);
}
