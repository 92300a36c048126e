import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";

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

const value: WireSchema<number | string> = z.custom<number | string>(
  (found) => typeof found === "string" || (typeof found === "number" && Number.isFinite(found)),
  "must be a decimal",
);

export const paymentMandateV01Schema: WireSchema<PaymentMandateV01> = z.looseObject({
  payment_mandate_contents: z.looseObject({
    payment_mandate_id: z.optional(z.string("must be text")),
    payment_details_id: z.string("must be text"),
    payment_details_total: z.looseObject({ amount: z.looseObject({ currency: z.string("must be text"), value }) }),
    merchant_agent: z.string("must be text"),
  }),
});
