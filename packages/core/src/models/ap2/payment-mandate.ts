import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { type OpenConstraint, openConstraintSchema } from "./constraint.ts";
import {
  type Merchant,
  type MinorAmount,
  type PaymentInstrument,
  merchantSchema,
  minorAmountSchema,
  numericDateSchema,
  paymentInstrumentSchema,
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

export const paymentMandateSchema: WireSchema<PaymentMandate> = z.looseObject({
  vct: z.literal("mandate.payment.1", "must be mandate.payment.1"),
  transaction_id: z.string("must be text"),
  payee: merchantSchema,
  payment_amount: minorAmountSchema,
  payment_instrument: paymentInstrumentSchema,
  execution_date: z.optional(z.string("must be text")),
  iat: z.optional(numericDateSchema),
  exp: z.optional(numericDateSchema),
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

export const openPaymentMandateSchema: WireSchema<OpenPaymentMandate> = z.looseObject({
  vct: z.literal("mandate.payment.open.1", "must be mandate.payment.open.1"),
  constraints: z.array(openConstraintSchema, "must be a list"),
  cnf: z.looseObject({ jwk: z.record(z.string(), z.unknown(), "must be a JWK") }),
  payee: z.optional(merchantSchema),
  payment_amount: z.optional(minorAmountSchema),
  iat: z.optional(numericDateSchema),
  exp: z.optional(numericDateSchema),
});
