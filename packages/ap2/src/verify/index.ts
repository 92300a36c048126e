export type { ResolveX5c } from "./issuer.ts";
export { type ReleaseRejectedOptions, releaseRejected } from "./release-rejected.ts";
export { type MandateReport, type VerifyMandateOptions, verifyMandate } from "./verify-mandate.ts";
export {
  type MandateReceiptReport,
  type VerifyMandateReceiptOptions,
  verifyMandateReceipt,
} from "./verify-mandate-receipt.ts";
export { embedEvidence, verifyReceipt } from "./verify-receipt.ts";
