import type { Stripe } from "stripe";
import type { ChargeLookup, ChargeQuery, LookupCharge } from "../psp-outcome.ts";
import { captureName, metadataNames, microcentsOf, settledOutcomeOf } from "./intent.ts";

/** Two days: the worker's clock, which dates the payment, may be off by one, and Stripe's is a third. */
const clockMarginMs = 172_800_000;

/**
 * `lookupCharge` for payments made with this entry. An intent whose id is recorded is retrieved; without an id every page of
 * the list is read, from two days before the payment on. Search is not used: its index lags, so it cannot prove that there
 * is no charge. An intent that nobody has confirmed is cancelled, which proves that it will not charge.
 * @example
 * await recover(authority, { lookupCharge: stripeLookupCharge(stripe) });
 */
export function stripeLookupCharge(stripe: Stripe): LookupCharge {
  return (query) => (query.pspIdempotencyKey.startsWith("ap2:refund:") ? findRefund : findCharge)(stripe, query);
}

async function findCharge(stripe: Stripe, query: ChargeQuery): Promise<ChargeLookup> {
  const { reference, pspIdempotencyKey: key, signal } = query;
  if (reference !== undefined) return judge(stripe, await stripe.paymentIntents.retrieve(reference), query, "asked");
  let found: ChargeLookup = { status: "none" };
  const capture = await captureName(key);
  for await (const intent of stripe.paymentIntents.list({ created: since(query), limit: 100 })) {
    if (signal.aborted) return { status: "unknown" };
    if (!isOwn(intent.metadata, query) && intent.metadata[capture] === undefined) continue;
    const judged = await judge(stripe, intent, query, "listed");
    if (judged.status === "charged") return judged;
    if (found.status !== "unknown") found = judged;
  }
  return found;
}

/** What one intent says: of a charge of its own, or of one of its captures. */
async function judge(
  stripe: Stripe,
  intent: Stripe.PaymentIntent,
  query: ChargeQuery,
  how: "asked" | "listed",
): Promise<ChargeLookup> {
  const { id: reference, currency, metadata } = intent;
  const { microcents } = query;
  const captured = metadata?.[await captureName(query.pspIdempotencyKey)];
  if (captured !== undefined && /^\d{1,18}$/.test(captured)) {
    const minorUnits = BigInt(captured);
    return { status: "charged", reference, amount: microcentsOf(minorUnits, currency, microcents, minorUnits) };
  }
  if (!isOwn(metadata, query)) {
    // An authorization of which this capture was not made; or, when it answers to another name, no answer at all.
    if (how === "listed" || intent.object !== "payment_intent") return { status: "unknown" };
    return { status: intent.status === "canceled" ? "declined" : "none" };
  }
  const outcome = await settledOutcomeOf(stripe, intent);
  if (outcome.status !== "charged") return { status: outcome.status === "declined" ? "declined" : "unknown" };
  const amount = microcentsOf(outcome.minorUnits, currency, microcents, BigInt(intent.amount));
  return { status: "charged", reference, amount };
}

async function findRefund(stripe: Stripe, query: ChargeQuery): Promise<ChargeLookup> {
  const { reference, signal } = query;
  const within = reference === undefined ? { created: since(query) } : { payment_intent: reference };
  for await (const refund of stripe.refunds.list({ ...within, limit: 100 })) {
    if (signal.aborted) return { status: "unknown" };
    if (isOwn(refund.metadata, query)) return refundOutcome(refund);
  }
  return { status: "none" };
}

/** A refund that is on its way counts as made: money that may go twice is worse than money that is asked for again. */
export function refundOutcome({ id: reference, status, amount, currency }: Stripe.Refund): ChargeLookup {
  if (status === "failed" || status === "canceled") return { status: "declined" };
  if (status !== "succeeded" && status !== "pending") return { status: "unknown" };
  return currency === "usd"
    ? { status: "charged", reference, amount: BigInt(amount) * 1_000_000n }
    : { status: "charged", reference };
}

/** Whether an object was made for this payment. Its record is compared where it has one: keys of earlier versions have no tenant. */
function isOwn(metadata: Stripe.Metadata | null | undefined, { pspIdempotencyKey, record }: ChargeQuery): boolean {
  const kept = metadata?.[metadataNames.record];
  return metadata?.[metadataNames.key] === pspIdempotencyKey && (kept === undefined || kept === record);
}

function since({ startedAtMs }: ChargeQuery): { readonly gte: number } {
  return { gte: Math.max(0, Math.floor((startedAtMs - clockMarginMs) / 1000)) };
}
