export {
  type Action,
  type ActionPolicyKeys,
  actionSchema,
  requestActionSchema,
  requestPolicyKeysSchema,
} from "./action.ts";
export { type WireUnit, amountSchema, requestAmountSchema, signedAmountSchema, units } from "./amount.ts";
export {
  type Balance,
  type BalanceQuery,
  type BalanceResponse,
  balanceQuerySchema,
  balanceResponseSchema,
  balanceSchema,
} from "./balance.ts";
export { type Caps, capsSchema } from "./caps.ts";
export { type CommitRequest, type CommitResponse, commitRequestSchema, commitResponseSchema } from "./commit.ts";
export {
  type DecisionReasonCode,
  type DecisionRequest,
  type DecisionResponse,
  type DecisionWord,
  decisionRequestSchema,
  decisionResponseSchema,
  idempotencyKeySchema,
} from "./decision.ts";
export { type ActionQuotaViolation, type DenyDetail, denyDetailSchema } from "./deny-detail.ts";
export { type EmittedEvent, type EventActor, emittedEventSchema } from "./emitted-event.ts";
export { type ErrorCode, type ErrorResponse, errorCodes, errorResponseSchema } from "./error.ts";
export {
  type EventCreateRequest,
  type EventCreateResponse,
  eventCreateRequestSchema,
  eventCreateResponseSchema,
} from "./event.ts";
export {
  type CyclesEvidenceRef,
  type ReservationEvidence,
  evidenceRefSchema,
  reservationEvidenceSchema,
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
  evidenceEnvelopeSchema,
  evidencePayloadSchema,
  evidenceSchemaVersion,
} from "./evidence-envelope.ts";
export {
  type ReservationExtendRequest,
  type ReservationExtendResponse,
  reservationExtendRequestSchema,
  reservationExtendResponseSchema,
} from "./extend.ts";
export { type StandardMetrics, requestMetricsSchema } from "./metrics.ts";
export { type ReleaseRequest, type ReleaseResponse, releaseRequestSchema, releaseResponseSchema } from "./release.ts";
export {
  type ReservationListQuery,
  type ReservationListResponse,
  type ReservationSortKey,
  reservationListQuerySchema,
  reservationListResponseSchema,
  reservationSortKeys,
} from "./reservation-list.ts";
export {
  type ReservationDetail,
  type ReservationStatus,
  type ReservationSummary,
  reservationDetailSchema,
  reservationSummarySchema,
} from "./reservation-record.ts";
export {
  type CommitOveragePolicy,
  type ObserveMode,
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  gracePeriodSchema,
  overagePolicies,
  overagePolicySchema,
  reservationCreateRequestSchema,
  reservationCreateResponseSchema,
  ttlSchema,
} from "./reservation.ts";
export { type Subject, type SubjectLevel, requestSubjectSchema, subjectLevels, subjectSchema } from "./subject.ts";
