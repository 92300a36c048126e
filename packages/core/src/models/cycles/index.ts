export { type Action, type ActionPolicyKeys, action, requestAction, requestActionPolicyKeys } from "./action.ts";
export { type WireUnit, amount, requestAmount, signedAmount, units } from "./amount.ts";
export {
  type Balance,
  type BalanceQuery,
  type BalanceResponse,
  balance,
  balanceQuery,
  balanceResponse,
} from "./balance.ts";
export { type Caps, caps } from "./caps.ts";
export { type CommitRequest, type CommitResponse, commitRequest, commitResponse } from "./commit.ts";
export {
  type DecisionReasonCode,
  type DecisionRequest,
  type DecisionResponse,
  type DecisionWord,
  decisionRequest,
  decisionResponse,
  idempotencyKey,
} from "./decision.ts";
export { type ActionQuotaViolation, type DenyDetail, denyDetail } from "./deny-detail.ts";
export { type EmittedEvent, type EventActor, emittedEvent } from "./emitted-event.ts";
export { type ErrorCode, type ErrorResponse, errorCodes, errorResponse } from "./error.ts";
export { type EventCreateRequest, type EventCreateResponse, eventCreateRequest, eventCreateResponse } from "./event.ts";
export {
  type CyclesEvidenceRef,
  type ReservationEvidence,
  cyclesEvidenceRef,
  reservationEvidence,
} from "./evidence.ts";
export {
  type ArtifactType,
  type Attested,
  type CommitPayload,
  type DecidePayload,
  type ErrorPayload,
  type EvidenceEndpoint,
  type EvidenceEnvelope,
  type EvidencePayload,
  type ReleasePayload,
  type ReservePayload,
  artifactTypes,
  evidenceEndpoints,
  evidenceEnvelope,
  evidencePayload,
  evidenceSchemaVersion,
} from "./evidence-envelope.ts";
export {
  type ReservationExtendRequest,
  type ReservationExtendResponse,
  reservationExtendRequest,
  reservationExtendResponse,
} from "./extend.ts";
export { type StandardMetrics, standardMetrics } from "./metrics.ts";
export { type ReleaseRequest, type ReleaseResponse, releaseRequest, releaseResponse } from "./release.ts";
export {
  type ReservationListQuery,
  type ReservationListResponse,
  type ReservationSortKey,
  reservationListQuery,
  reservationListResponse,
  reservationSortKeys,
} from "./reservation-list.ts";
export {
  type ReservationDetail,
  type ReservationStatus,
  type ReservationSummary,
  reservationDetail,
  reservationSummary,
} from "./reservation-record.ts";
export {
  type CommitOveragePolicy,
  type ObserveMode,
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  commitOveragePolicy,
  gracePeriod,
  overagePolicies,
  reservationCreateRequest,
  reservationCreateResponse,
  ttl,
} from "./reservation.ts";
export { type Subject, type SubjectLevel, requestSubject, subject, subjectLevels } from "./subject.ts";
