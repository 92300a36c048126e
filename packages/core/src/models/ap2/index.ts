export {
  type CheckoutMandate,
  type OpenCheckoutMandate,
  checkoutMandate,
  openCheckoutMandate,
} from "./checkout-mandate.ts";
export { type OpenConstraint, openConstraint } from "./constraint.ts";
export {
  type Merchant,
  type MinorAmount,
  type PaymentInstrument,
  merchant,
  minorAmount,
  paymentInstrument,
} from "./party.ts";
export { type PaymentMandateV01, paymentMandateV01 } from "./payment-mandate-v01.ts";
export { type OpenPaymentMandate, type PaymentMandate, openPaymentMandate, paymentMandate } from "./payment-mandate.ts";
export { type MandateReceipt, mandateReceipt } from "./receipt.ts";
