export {
  type CheckoutMandate,
  type OpenCheckoutMandate,
  checkoutMandateSchema,
  openCheckoutMandateSchema,
} from "./checkout-mandate.ts";
export { type OpenConstraint, openConstraintSchema } from "./constraint.ts";
export { type Merchant, type MinorAmount, type PaymentInstrument, merchantSchema, minorAmountSchema } from "./party.ts";
export {
  type OpenPaymentMandate,
  type PaymentMandate,
  openPaymentMandateSchema,
  paymentMandateSchema,
} from "./payment-mandate.ts";
export { type PaymentMandateV01, paymentMandateV01Schema } from "./payment-mandate-v01.ts";
export { type MandateReceipt, mandateReceiptSchema } from "./receipt.ts";
