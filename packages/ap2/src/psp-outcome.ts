import { AP2PaymentDeclined } from "./errors.ts";

/**
 * What an error of a payment provider says about the charge: `declined`, the provider refused this very charge;
 * `charged`, it was made; `unknown`, anything else. An answer may be the answer to a repeat of a request whose own answer
 * was lost, so a rate limit, a refused login or an invalid request does not say that nothing was charged.
 */
export type PspOutcome = "declined" | "charged" | "unknown";

/** Judges what a body threw. What it cannot judge, and whatever else it returns, is `unknown`. */
export type PspClassifier = (error: unknown) => PspOutcome;

/**
 * Errors of the `stripe` package. Only a `StripeCardError` is a decline: under one idempotency key Stripe answers with it
 * only if this charge was declined. Every other type may answer the repeat of a request that charged.
 */
export const classifyStripeError: PspClassifier = (error) => {
  const { type } = (error ?? {}) as { readonly type?: unknown };
  return type === "StripeCardError" ? "declined" : "unknown";
};

/** The one status that says the payment itself failed (RFC 9110 §15.5.3); payment providers answer a decline with it. */
const paymentRequired = 402;

/**
 * Errors that carry the provider's HTTP status as `status`, `statusCode` or `response.status`. Only 402 is a decline: 400,
 * 401, 403, 404, 409, 422 and 429 say nothing about an earlier request under the same key. For a provider that uses 402
 * for anything else, such as an unpaid account, write a classifier of your own.
 */
export const classifyHttpError: PspClassifier = (error) => {
  const { status, statusCode, response } = (error ?? {}) as {
    readonly status?: unknown;
    readonly statusCode?: unknown;
    readonly response?: { readonly status?: unknown } | undefined;
  };
  const found = status ?? statusCode ?? response?.status;
  return found === paymentRequired ? "declined" : "unknown";
};

/** What the guard uses by default: `AP2PaymentDeclined`, then Stripe's errors; all else is unknown. */
export const classifyPspError: PspClassifier = (error) =>
  AP2PaymentDeclined.isInstance(error) ? "declined" : classifyStripeError(error);

/** What a provider says when it is asked whether a charge exists. Anything else is no answer, and counts as `unknown`. */
export type ChargeLookup =
  /** `amount` in microcents; without it the mandate's amount was charged. */
  | { readonly status: "charged"; readonly reference?: string | undefined; readonly amount?: bigint | undefined }
  /** The provider refused this very charge: the next attempt has a PSP key of its own. */
  | { readonly status: "declined" }
  /**
   * The provider knows no such charge. Believed only some time after the attempt, since a request may still be on its way;
   * it may be wrong even so, and the next attempt keeps the PSP key.
   */
  | { readonly status: "none" }
  /** The provider cannot say now. */
  | { readonly status: "unknown" };

/** What a look-up goes by. */
export interface ChargeQuery {
  /** As the body was given it; deterministic for the attempt. */
  readonly pspIdempotencyKey: string;
  readonly transactionId: string;
  /** Key of the payment's record, as `payment.attempt` has it: a charge whose metadata name another is another payment's. */
  readonly record: string;
  readonly reference?: string | undefined;
  readonly microcents: bigint;
  /** When the PSP may have seen that key first, epoch milliseconds: list charges from here on, less the clocks' difference. */
  readonly startedAtMs: number;
  /** Aborts with the caller's signal, and when the answer has taken too long. */
  readonly signal: AbortSignal;
}

/** Asks the provider whether a charge exists; a throw, and no answer in time, count as `unknown`. */
export type LookupCharge = (query: ChargeQuery) => ChargeLookup | PromiseLike<ChargeLookup>;

/** What a classifier says of an error; one that throws, or says what is no outcome, knows nothing. */
export function judge(classify: PspClassifier | undefined, error: unknown): PspOutcome {
  try {
    const judged: unknown = (classify ?? classifyPspError)(error);
    return judged === "declined" || judged === "charged" ? judged : "unknown";
  } catch {
    return "unknown";
  }
}
