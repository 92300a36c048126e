export type { CheckoutMandate, OpenCheckoutMandate } from "./checkout-mandate.ts";
export type { OpenConstraint } from "./constraint.ts";
export type { Merchant, MinorAmount, PaymentInstrument } from "./party.ts";
export type { PaymentMandateV01 } from "./payment-mandate-v01.ts";
export type { OpenPaymentMandate, PaymentMandate } from "./payment-mandate.ts";
export type { MandateReceipt } from "./receipt.ts";
export {
  checkoutMandateSchema,
  mandateReceiptSchema,
  merchantSchema,
  minorAmountSchema,
  openCheckoutMandateSchema,
  openConstraintSchema,
  openPaymentMandateSchema,
  paymentMandateSchema,
  paymentMandateV01Schema,
} from "./schemas.ts";
