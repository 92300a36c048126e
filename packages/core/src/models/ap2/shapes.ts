// The models as shapes of our own: what the guard reads mandates by, free of zod.
export { checkoutMandateShape, openCheckoutMandateShape } from "./checkout-mandate.ts";
export { paymentMandateV01Shape } from "./payment-mandate-v01.ts";
export { openPaymentMandateShape, paymentMandateShape } from "./payment-mandate.ts";
export { mandateReceiptShape } from "./receipt.ts";
