// The models as shapes of our own: what the clients read and write by, free of zod. The governance plane and
// evidence have entries of their own: a client that does without them does not carry them.
export { action, requestAction, requestActionPolicyKeys } from "./action.ts";
export { units, amount, requestAmount, signedAmount } from "./amount.ts";
export { balanceQuery, balanceResponse, balance } from "./balance.ts";
export { caps } from "./caps.ts";
export { commitRequest, commitResponse } from "./commit.ts";
export { decisionRequest, decisionResponse, idempotencyKey } from "./decision.ts";
export { denyDetail } from "./deny-detail.ts";
export { emittedEvent } from "./emitted-event.ts";
export { errorCodes, errorResponse } from "./error.ts";
export { eventCreateRequest, eventCreateResponse } from "./event.ts";
export { cyclesEvidenceRef, reservationEvidence } from "./evidence.ts";
export { reservationExtendRequest, reservationExtendResponse } from "./extend.ts";
export { standardMetrics } from "./metrics.ts";
export { releaseRequest, releaseResponse } from "./release.ts";
export { reservationSortKeys, reservationListQuery, reservationListResponse } from "./reservation-list.ts";
export { reservationDetail, reservationSummary } from "./reservation-record.ts";
export {
  overagePolicies,
  gracePeriod,
  commitOveragePolicy,
  reservationCreateRequest,
  reservationCreateResponse,
  ttl,
} from "./reservation.ts";
export { subjectLevels, requestSubject, subject } from "./subject.ts";
