import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";

/** A merchant (AP2 v0.2 §Merchant). */
export interface Merchant {
  readonly id: string;
  readonly name: string;
  readonly website?: string | undefined;
}

export const merchantSchema: WireSchema<Merchant> = z.looseObject({
  id: z.string("must be text"),
  name: z.string("must be text"),
  website: z.optional(z.string("must be text")),
});

/** An amount in minor units of an ISO 4217 currency: 19900 of USD are 199 dollars (AP2 v0.2 §Amount). */
export interface MinorAmount {
  readonly amount: number;
  readonly currency: string;
}

export const minorUnitsSchema: WireSchema<number> = z.custom<number>(
  (value) => Number.isSafeInteger(value) && value >= 0,
  "must be a whole number of minor units, zero or more",
);

export const minorAmountSchema: WireSchema<MinorAmount> = z.looseObject({
  amount: minorUnitsSchema,
  currency: z.string("must be text"),
});

/** What is paid with (AP2 v0.2 §Payment Instrument). */
export interface PaymentInstrument {
  readonly id: string;
  readonly type: string;
  readonly description?: string | undefined;
}

export const paymentInstrumentSchema: WireSchema<PaymentInstrument> = z.looseObject({
  id: z.string("must be text"),
  type: z.string("must be text"),
  description: z.optional(z.string("must be text")),
});

/** Seconds since the epoch (RFC 7519 §2, NumericDate). */
export const numericDateSchema: WireSchema<number> = z.custom<number>(
  (value) => typeof value === "number" && Number.isFinite(value) && value >= 0,
  "must be seconds since the epoch",
);
