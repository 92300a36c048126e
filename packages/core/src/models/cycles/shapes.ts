// The models as shapes of our own: what the clients read and write by, free of zod. The governance plane and
// evidence have entries of their own: a client that does without them does not carry them.
export { actionShape, requestActionShape, requestPolicyKeysShape } from "./action.ts";
export { units, amountShape, requestAmountShape, signedAmountShape } from "./amount.ts";
export { balanceQueryShape, balanceResponseShape, balanceShape } from "./balance.ts";
export { capsShape } from "./caps.ts";
export { commitRequestShape, commitResponseShape } from "./commit.ts";
export { decisionRequestShape, decisionResponseShape, idempotencyKeyShape } from "./decision.ts";
export { denyDetailShape } from "./deny-detail.ts";
export { emittedEventShape } from "./emitted-event.ts";
export { errorCodes, errorResponseShape } from "./error.ts";
export { eventCreateRequestShape, eventCreateResponseShape } from "./event.ts";
export { evidenceRefShape, reservationEvidenceShape } from "./evidence.ts";
export { reservationExtendRequestShape, reservationExtendResponseShape } from "./extend.ts";
export { requestMetricsShape } from "./metrics.ts";
export { releaseRequestShape, releaseResponseShape } from "./release.ts";
export { reservationSortKeys, reservationListQueryShape, reservationListResponseShape } from "./reservation-list.ts";
export { reservationDetailShape, reservationSummaryShape } from "./reservation-record.ts";
export {
  overagePolicies,
  gracePeriodShape,
  overagePolicyShape,
  reservationCreateRequestShape,
  reservationCreateResponseShape,
  ttlShape,
} from "./reservation.ts";
export { subjectLevels, requestSubjectShape, subjectShape } from "./subject.ts";
