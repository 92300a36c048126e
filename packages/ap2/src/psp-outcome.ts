import { AP2PaymentDeclined } from "./errors.ts";

/**
 * What an error of a payment provider says about the charge: `declined`, definitely not charged; `charged`, definitely
 * charged; `unknown`, anything else, a lost answer above all.
 */
export type PspOutcome = "declined" | "charged" | "unknown";

/** Judges what a body threw. Whatever it cannot tell is `unknown`. */
export type PspClassifier = (error: unknown) => PspOutcome;

/** Stripe's error types that mean the request was refused before money could move. */
const stripeRefusals: ReadonlySet<string> = new Set([
  "StripeCardError",
  "StripeInvalidRequestError",
  "StripeAuthenticationError",
  "StripePermissionError",
  "StripeRateLimitError",
]);

/** Errors of the `stripe` package: connection, API and idempotency errors leave open what happened. */
export const classifyStripeError: PspClassifier = (error) => {
  const { type } = (error ?? {}) as { readonly type?: unknown };
  return typeof type === "string" && stripeRefusals.has(type) ? "declined" : "unknown";
};

/** Statuses that a provider answers without having tried the charge, or having had it declined. */
const refusals: ReadonlySet<number> = new Set([
  400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 429, 451,
]);

/**
 * Errors that carry the provider's HTTP status as `status`, `statusCode` or `response.status`. 408, 409 and 425 are not
 * refusals: another request under the same key may be the one that charges.
 */
export const classifyHttpError: PspClassifier = (error) => {
  const { status, statusCode, response } = (error ?? {}) as {
    readonly status?: unknown;
    readonly statusCode?: unknown;
    readonly response?: { readonly status?: unknown } | undefined;
  };
  const found = status ?? statusCode ?? response?.status;
  return typeof found === "number" && refusals.has(found) ? "declined" : "unknown";
};

/** What the guard uses unless told otherwise: `AP2PaymentDeclined`, then Stripe's errors; all else is unknown. */
export const classifyPspError: PspClassifier = (error) =>
  AP2PaymentDeclined.isInstance(error) ? "declined" : classifyStripeError(error);

/** What a provider says when it is asked whether a charge exists. */
export type ChargeLookup =
  /** `amount` in microcents; without it the mandate's amount was charged. */
  | { readonly status: "charged"; readonly reference?: string | undefined; readonly amount?: bigint | undefined }
  | { readonly status: "declined" }
  /** The provider knows no such charge. Believed only some time after the attempt, since a request may still be on its way. */
  | { readonly status: "none" }
  /** The provider cannot say now. */
  | { readonly status: "unknown" };

/** What a look-up goes by. */
export interface ChargeQuery {
  /** As the body was given it; deterministic for the attempt. */
  readonly pspIdempotencyKey: string;
  readonly transactionId: string;
  readonly reference?: string | undefined;
  readonly microcents: bigint;
  readonly startedAtMs: number;
}

/** Asks the provider whether a charge exists; a rejection counts as `unknown`. */
export type LookupCharge = (query: ChargeQuery) => ChargeLookup | PromiseLike<ChargeLookup>;
