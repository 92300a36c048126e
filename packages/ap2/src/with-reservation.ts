import type { PaymentSource } from "./authority.ts";
import type { AP2Mandate } from "./mandate.ts";
import { openHandle, openRefund } from "./open-payment.ts";
import type { Payment, PaymentOptions, PaymentSettlement, PaymentTerms, RefundTerms } from "./options.ts";
import type { PaymentHandle } from "./payment-handle.ts";

/**
 * Runs one payment at most once per mandate: claims it, reserves, runs `body`, and settles by what became of it.
 *
 * The body returns: the mandate's amount is committed, or what `payment.charged()` said. It throws: a definite decline
 * releases and rethrows; after `charged()` the charge is committed and the error rethrown; anything else is held.
 * @throws AP2MandateError, AP2CurrencyError, ValidationError before anything is sent; AP2AlreadyConsumed,
 * AP2ReserveUncertain, AP2GuardDenied, AP2DryRunResult, AbortedError with the body not started;
 * AP2GuardCommitUncertain, AP2GuardCommitFailed with the body run and nothing released.
 * @example
 * const terms = { mandate, runId: "run_1", tenant: "acme" };
 * const { value, settlement } = await withReservation(authority, terms, async (payment) => {
 *   await payment.charging();
 *   const { id } = await charge(payment.minorUnits, payment.currency, payment.pspIdempotencyKey);
 *   await payment.charged({ reference: id });
 *   return id;
 * }, { tracksCharge: true });
 */
export async function withReservation<Value>(
  source: PaymentSource,
  terms: PaymentTerms,
  body: (payment: Payment) => Value | PromiseLike<Value>,
  options: PaymentOptions = {},
): Promise<{ value: Value; settlement: PaymentSettlement }> {
  return run(await openHandle(source, terms, options), body);
}

/** An open payment that is ended by hand. */
export interface OpenPayment extends Payment, AsyncDisposable {
  /**
   * Commits what `charged()` said, or the mandate's amount; after `abort()` releases.
   * @throws AP2GuardCommitUncertain, AP2GuardCommitFailed.
   */
  finish(): Promise<PaymentSettlement>;
}

/**
 * As `withReservation`, for `await using`: the scope's end cannot tell whether it threw, so a payment without `finish()`
 * is committed when it was charged, released when it surely was not, and else held with an error.
 * @example
 * const terms = { mandate, runId: "run_1", tenant: "acme" };
 * await using payment = await openPayment(authority, terms, { records, tracksCharge: true });
 * await payment.charging();
 * await payment.charged({ reference: await charge(payment.minorUnits, payment.pspIdempotencyKey) });
 * await payment.finish();
 */
export function openPayment(
  source: PaymentSource,
  terms: PaymentTerms,
  options: PaymentOptions = {},
): Promise<OpenPayment> {
  return openHandle(source, terms, options);
}

/** Terms without the mandate, which comes with each call. */
export type GuardTerms = Omit<PaymentTerms, "mandate">;

/**
 * `withReservation` as a wrapper: each call pays one mandate, and gets the body's value. The settlement and its receipt go
 * to `options.onSettlement`. Terms and options are the same for every payment, or made of the call's arguments (a run's
 * id, a signal).
 * @example
 * const terms = { runId: "run_1", tenant: "acme" };
 * const pay = guard(authority, terms, (payment) => chargeWithStripe(stripe, payment), { records, tracksCharge: true });
 * await pay(mandateFromAP2(chain));
 */
export function guard<Arguments extends readonly unknown[], Value>(
  source: PaymentSource,
  terms: GuardTerms | ((mandate: AP2Mandate, ...args: Arguments) => GuardTerms),
  body: (payment: Payment, ...args: Arguments) => Value | PromiseLike<Value>,
  options: PaymentOptions | ((mandate: AP2Mandate, ...args: Arguments) => PaymentOptions) = {},
): (mandate: AP2Mandate, ...args: Arguments) => Promise<Value> {
  return async (mandate, ...args) => {
    const agreed = typeof terms === "function" ? terms(mandate, ...args) : terms;
    const chosen = typeof options === "function" ? options(mandate, ...args) : options;
    return (await withReservation(source, { ...agreed, mandate }, (payment) => body(payment, ...args), chosen)).value;
  };
}

/**
 * Runs one refund at most once, and never more in all than was captured under the mandate. The authority gives its leave
 * and books nothing, since a refund spends nothing: the amount stands in the commit's metadata, the ledger and the receipt
 * (`runtime_authority.ap2.payment.refund.v1`). Giving the budget back is for an operator.
 * @throws as `withReservation`; AP2GuardError when nothing was captured.
 * @example
 * const terms = { mandate, runId: "run_1", tenant: "acme", refund: { number: 1, amount: usd("20").amount } };
 * const options = { records, tracksCharge: true };
 * await guardRefund(authority, terms, (payment) => refundWithStripe(stripe, payment, { intent: "pi_1" }), options);
 */
export async function guardRefund<Value>(
  source: PaymentSource,
  terms: RefundTerms,
  body: (payment: Payment) => Value | PromiseLike<Value>,
  options: PaymentOptions = {},
): Promise<{ value: Value; settlement: PaymentSettlement }> {
  return run(await openRefund(source, terms, options), body);
}

async function run<Value>(
  payment: PaymentHandle,
  body: (payment: Payment) => Value | PromiseLike<Value>,
): Promise<{ value: Value; settlement: PaymentSettlement }> {
  let value: Value;
  try {
    value = await body(payment);
  } catch (error) {
    throw await payment.fail(error);
  }
  return { value, settlement: await payment.finish(value) };
}
