import { text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, object } from "../../wire/shape.ts";
import { optionalText } from "./fields.ts";

/** A merchant (AP2 v0.2 §Merchant). */
export interface Merchant {
  readonly id: string;
  readonly name: string;
  readonly website?: string | undefined;
}

export const merchant: Shape<Merchant> = object({
  id: text,
  name: text,
  website: optionalText,
});

/** An amount in minor units of an ISO 4217 currency: 19900 of USD are 199 dollars (AP2 v0.2 §Amount). */
export interface MinorAmount {
  readonly amount: number;
  readonly currency: string;
}

export const minorAmount: Shape<MinorAmount> = object({
  amount: wholeNumber(0),
  currency: text,
});

/** What is paid with (AP2 v0.2 §Payment Instrument). */
export interface PaymentInstrument {
  readonly id: string;
  readonly type: string;
  readonly description?: string | undefined;
}

export const paymentInstrument: Shape<PaymentInstrument> = object({
  id: text,
  type: text,
  description: optionalText,
});
