// The models as shapes of our own: what the guard reads mandates by, free of zod.
export { checkoutMandate, openCheckoutMandate } from "./checkout-mandate.ts";
export { paymentMandateV01 } from "./payment-mandate-v01.ts";
export { openPaymentMandate, paymentMandate } from "./payment-mandate.ts";
export { mandateReceipt } from "./receipt.ts";
