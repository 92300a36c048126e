export { PaymentAuthority, type PaymentSource, paymentAuthority } from "./authority.ts";
export {
  type CommitBody,
  type CommitBodyInput,
  type PaymentSubject,
  type ReleaseBody,
  type ReserveBody,
  type ReserveBodyInput,
  buildCommitBody,
  buildReleaseBody,
  buildReserveBody,
} from "./bodies.ts";
export { type ConstraintProblem, checkConstraints } from "./constraints.ts";
export { denialReceipt } from "./denial-receipt.ts";
export { minorUnitExponent } from "./currency.ts";
export {
  AP2AlreadyConsumed,
  AP2CurrencyError,
  AP2DryRunResult,
  AP2GuardCommitFailed,
  AP2GuardCommitUncertain,
  AP2GuardDenied,
  AP2GuardError,
  AP2MandateError,
  AP2PaymentDeclined,
  AP2PaymentOpenError,
  AP2ReserveUncertain,
  type AP2ErrorCode,
  type AttemptReference,
  type CommitErrorFields,
  type DenialFields,
} from "./errors.ts";
export { type AP2Document, type AP2Documents, type FromAP2Options, mandateFromAP2 } from "./from-ap2.ts";
export { type Phase, idempotencyKey } from "./idempotency-key.ts";
export type { AP2Mandate, Delegation, MandateLimits } from "./mandate.ts";
export { type AmountOptions, toMicrocents } from "./microcents.ts";
export type { Charge, Payment, PaymentOptions, PaymentSettlement, PaymentTerms, RefundTerms } from "./options.ts";
export {
  type ChargeLookup,
  type ChargeQuery,
  type LookupCharge,
  type PspClassifier,
  type PspOutcome,
  classifyHttpError,
  classifyPspError,
  classifyStripeError,
} from "./psp-outcome.ts";
export type { Quote, QuoteSource } from "./quote.ts";
export { type PaymentReceipt, type ReceiptEvidence, type ReceiptInput, buildReceipt } from "./receipt.ts";
export { type PaymentRecovery, type RecoverOptions, type RecoveryProblem, reconcile, recover } from "./recover.ts";
export type { Resolution, ResolveOptions } from "./resolve-attempt.ts";
export {
  type GuardTerms,
  type OpenPayment,
  guard,
  guardRefund,
  openPayment,
  withReservation,
} from "./with-reservation.ts";
