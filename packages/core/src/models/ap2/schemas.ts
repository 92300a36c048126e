import type { WireSchema } from "../../wire/schema.ts";
import { toZod } from "../../wire/to-zod.ts";
import {
  type CheckoutMandate,
  type OpenCheckoutMandate,
  checkoutMandateShape,
  openCheckoutMandateShape,
} from "./checkout-mandate.ts";
import { type OpenConstraint, openConstraintShape } from "./constraint.ts";
import { type Merchant, type MinorAmount, merchantShape, minorAmountShape } from "./party.ts";
import {
  type OpenPaymentMandate,
  type PaymentMandate,
  openPaymentMandateShape,
  paymentMandateShape,
} from "./payment-mandate.ts";
import { type PaymentMandateV01, paymentMandateV01Shape } from "./payment-mandate-v01.ts";
import { type MandateReceipt, mandateReceiptShape } from "./receipt.ts";

// The same models for those who build on zod.
export const checkoutMandateSchema: WireSchema<CheckoutMandate> = /* @__PURE__ */ toZod(checkoutMandateShape);
export const merchantSchema: WireSchema<Merchant> = /* @__PURE__ */ toZod(merchantShape);
export const minorAmountSchema: WireSchema<MinorAmount> = /* @__PURE__ */ toZod(minorAmountShape);
export const openCheckoutMandateSchema: WireSchema<OpenCheckoutMandate> =
  /* @__PURE__ */ toZod(openCheckoutMandateShape);
export const openConstraintSchema: WireSchema<OpenConstraint> = /* @__PURE__ */ toZod(openConstraintShape);
export const openPaymentMandateSchema: WireSchema<OpenPaymentMandate> = /* @__PURE__ */ toZod(openPaymentMandateShape);
export const paymentMandateSchema: WireSchema<PaymentMandate> = /* @__PURE__ */ toZod(paymentMandateShape);
export const paymentMandateV01Schema: WireSchema<PaymentMandateV01> = /* @__PURE__ */ toZod(paymentMandateV01Shape);
export const mandateReceiptSchema: WireSchema<MandateReceipt> = /* @__PURE__ */ toZod(mandateReceiptShape);
