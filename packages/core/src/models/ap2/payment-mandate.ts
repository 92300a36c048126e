import { oneOf, text } from "../../wire/leaves.ts";
import { type Shape, list, object, optional } from "../../wire/shape.ts";
import { confirmation, optionalNumericDate, optionalText } from "./fields.ts";
import { type OpenConstraint, openConstraintShape } from "./constraint.ts";
import {
  type Merchant,
  type MinorAmount,
  type PaymentInstrument,
  merchantShape,
  minorAmountShape,
  paymentInstrumentShape,
} from "./party.ts";

/** A payment that a user, or an agent in their name, agreed to (AP2 v0.2 §Payment Mandate, closed). */
export interface PaymentMandate {
  readonly vct: "mandate.payment.1";
  /** The hash of the checkout that is paid. */
  readonly transaction_id: string;
  readonly payee: Merchant;
  readonly payment_amount: MinorAmount;
  readonly payment_instrument: PaymentInstrument;
  readonly execution_date?: string | undefined;
  readonly iat?: number | undefined;
  readonly exp?: number | undefined;
}

export const paymentMandateShape: Shape<PaymentMandate> = object({
  vct: oneOf(["mandate.payment.1"]),
  transaction_id: text,
  payee: merchantShape,
  payment_amount: minorAmountShape,
  payment_instrument: paymentInstrumentShape,
  execution_date: optionalText,
  iat: optionalNumericDate,
  exp: optionalNumericDate,
});

/** What an agent may pay while the user is away (AP2 v0.2 §Payment Mandate, open). */
export interface OpenPaymentMandate {
  readonly vct: "mandate.payment.open.1";
  readonly constraints: readonly OpenConstraint[];
  /** The key that closed mandates under this one are signed with. */
  readonly cnf: { readonly jwk: Readonly<Record<string, unknown>> };
  readonly payee?: Merchant | undefined;
  readonly payment_amount?: MinorAmount | undefined;
  readonly iat?: number | undefined;
  readonly exp?: number | undefined;
}

export const openPaymentMandateShape: Shape<OpenPaymentMandate> = object({
  vct: oneOf(["mandate.payment.open.1"]),
  constraints: list(openConstraintShape),
  cnf: confirmation,
  payee: optional(merchantShape),
  payment_amount: optional(minorAmountShape),
  iat: optionalNumericDate,
  exp: optionalNumericDate,
});
