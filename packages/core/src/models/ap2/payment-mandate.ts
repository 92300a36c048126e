import { oneOf, text } from "../../wire/leaves.ts";
import { type Shape, list, object, optional } from "../../wire/shape.ts";
import { confirmation, optionalNumericDate, optionalText } from "./fields.ts";
import { type OpenConstraint, openConstraint } from "./constraint.ts";
import {
  type Merchant,
  type MinorAmount,
  type PaymentInstrument,
  merchant,
  minorAmount,
  paymentInstrument,
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

export const paymentMandate: Shape<PaymentMandate> = object({
  vct: oneOf(["mandate.payment.1"]),
  transaction_id: text,
  payee: merchant,
  payment_amount: minorAmount,
  payment_instrument: paymentInstrument,
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

export const openPaymentMandate: Shape<OpenPaymentMandate> = object({
  vct: oneOf(["mandate.payment.open.1"]),
  constraints: list(openConstraint),
  cnf: confirmation,
  payee: optional(merchant),
  payment_amount: optional(minorAmount),
  iat: optionalNumericDate,
  exp: optionalNumericDate,
});
