export { type StripeCapture, captureWithStripe } from "./capture.ts";
export { type StripeCharge, chargeWithStripe } from "./charge.ts";
export { stripeLookupCharge } from "./look-up.ts";
export { reconcileStripeEvent } from "./reconcile-event.ts";
export { refundWithStripe } from "./refund.ts";
