import type { CallOptions, Cap, RecordStore, Settlement } from "@imprest/core";
import type { ReserveBodyInput } from "./bodies.ts";
import type { AttemptReference } from "./errors.ts";
import type { PspClassifier } from "./psp-outcome.ts";
import type { QuoteSource } from "./quote.ts";
import type { PaymentReceipt } from "./receipt.ts";

/** What is paid, by whom, on which terms. No key: keys follow from the mandate. */
export interface PaymentTerms extends ReserveBodyInput {
  /** `"hnp"` (human not present) requires an open mandate. */
  readonly mode?: "hnp" | "hp" | undefined;
  /**
   * False pays a mandate whose `expiresAtMs` has passed by more than five minutes, which is refused otherwise. Whether that
   * date is genuine, `verifyMandate` reports.
   */
  readonly enforceExpiry?: boolean | undefined;
  /** Reserves more than the mandate's amount, for tips, tax and exchange rates, in hundredths of a per cent of it. */
  readonly headroomBasisPoints?: number | undefined;
  /** What another currency is worth; recorded in the reserve's metadata. */
  readonly quote?: QuoteSource | undefined;
  /**
   * One capture or shipment of several that the mandate pays. Each leg is paid once; together they never come to more
   * than the mandate's amount.
   */
  readonly leg?: { readonly number: number; readonly amountValue: string } | undefined;
}

/** What is given back of a payment, on whose behalf. */
export interface RefundTerms extends Omit<PaymentTerms, "leg" | "quote" | "headroomBasisPoints" | "actionKind"> {
  /** The mandate that was paid. */
  readonly mandate: PaymentTerms["mandate"];
  /** `number` tells the refunds of one payment apart, from 1; each is made once. `amount` is in microcents. */
  readonly refund: { readonly number: number; readonly amount: bigint };
}

/** How one payment is run. */
export interface PaymentOptions extends CallOptions {
  /** Where claims and phases are kept; see `paymentAuthority`. */
  readonly records?: RecordStore | undefined;
  /** The body promises to call `payment.charging()` before it reaches the PSP, so a throw before that is no charge. */
  readonly tracksCharge?: boolean | undefined;
  /** Judges what the body throws; `classifyPspError` when absent. */
  readonly classify?: PspClassifier | undefined;
  /** Names of the caps that the body applies. A grant that carries any other cap is released and denied. */
  readonly honours?: readonly string[] | undefined;
  /** False leaves the receipt out. */
  readonly emitReceipt?: boolean | undefined;
  /**
   * Also asks the authority, before the reserve, for earlier reservations under the same key: protection across stores for
   * as long as the authority keeps its reservations, for one more request.
   */
  readonly searchAuthority?: boolean | undefined;
  /** Called with each outcome of the settlement: once, or first with `pending` and later with the final one. */
  readonly onSettlement?: ((settlement: PaymentSettlement) => unknown) | undefined;
}

/** What the PSP charged. */
export interface Charge {
  /** The PSP's own id of the charge. */
  readonly reference?: string | undefined;
  /** In microcents. When absent: the mandate's amount, or, without a reference, what of it was not stated yet. */
  readonly amount?: bigint | undefined;
}

/** One payment, as its body sees it. */
export interface Payment {
  readonly reservationId: string;
  /** Where this attempt is kept, for `reconcile`: a webhook finds it by what the PSP was given of it. */
  readonly attempt: AttemptReference;
  readonly decision: "ALLOW" | "ALLOW_WITH_CAPS";
  readonly caps: readonly Cap[];
  /** What the mandate's amount is in microcents. */
  readonly microcents: bigint;
  /** ISO 4217, of the mandate. */
  readonly currency: string;
  /**
   * The amount in minor units of `currency` (cents), as payment services count. @throws AP2CurrencyError when it is no whole
   * number of them, and for a refund in another currency than dollars: nothing is rounded.
   */
  readonly minorUnits: bigint;
  /**
   * The same for every request of this payment until the PSP has declined it: give it to the PSP, so that its own retries
   * charge once. Whoever reads it may reach the PSP, so a throw after that is no proof that nothing was charged.
   */
  readonly pspIdempotencyKey: string;
  /** What `charging({ reference })` noted for this key, in this attempt or an earlier one. */
  readonly reference: string | undefined;
  /** Aborts with the caller's signal, and when another worker has taken the payment over. */
  readonly signal: AbortSignal;
  /**
   * From here on the PSP may charge. Wait for it: it is durable when it resolves.
   * @param prepared the PSP's id of a charge that is prepared and not made yet, for later attempts and for look-ups.
   * @throws AP2GuardError when the payment was taken over or cannot be recorded: do not charge then.
   */
  charging(prepared?: { readonly reference: string }): Promise<void>;
  /**
   * The PSP has charged: from here on nothing is released, whatever the body does. Durable when it resolves. Charges of
   * different references add up; the same reference again states that charge anew.
   * @throws AP2MandateError for what is no amount: the payment is held for a look-up then. AP2GuardError when the payment was
   * taken over: the charge is in the commit, which stays among the dead letters when less was booked.
   */
  charged(charge?: Charge): Promise<void>;
  /** Adds members to the commit's metadata and to the receipt; `psp_ref` has a place of its own there. */
  attachReceiptFields(fields: Readonly<Record<string, unknown>>): void;
  /** The caller's word that nothing was charged: the budget is released when the body ends. @throws AP2GuardError after `charged()`. */
  abort(reason: string): void;
}

/** How a payment ended: `released` after `abort`, `recorded` when its reservation had expired before the commit. */
export interface PaymentSettlement extends Settlement {
  /** Of a payment that was committed or recorded; absent with `emitReceipt: false`. */
  readonly receipt?: PaymentReceipt | undefined;
}
