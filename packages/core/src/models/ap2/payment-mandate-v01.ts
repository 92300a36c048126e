import { number, text } from "../../wire/leaves.ts";
import { type Shape, object, union } from "../../wire/shape.ts";
import { optionalText } from "./fields.ts";

/** A payment mandate of AP2 v0.1, as far as a payment needs it; amounts are decimals in whole units. */
export interface PaymentMandateV01 {
  readonly payment_mandate_contents: {
    readonly payment_mandate_id?: string | undefined;
    /** Identifies the payment. */
    readonly payment_details_id: string;
    readonly payment_details_total: {
      readonly amount: { readonly currency: string; readonly value: number | string };
    };
    /** Identifies the merchant. */
    readonly merchant_agent: string;
  };
}

const value = union([text, number()], "must be a decimal");

export const paymentMandateV01: Shape<PaymentMandateV01> = object({
  payment_mandate_contents: object({
    payment_mandate_id: optionalText,
    payment_details_id: text,
    payment_details_total: object({ amount: object({ currency: text, value }) }),
    merchant_agent: text,
  }),
});
