export type {
  LedgerState,
  BudgetLifecycleData,
  BudgetThresholdData,
  BudgetOverLimitData,
  BudgetDebtIncurredData,
  BurnRateAnomalyData,
  ReservationDeniedData,
  ReservationExpiredData,
  RateSpikeData,
  CommitOverageData,
  TenantLifecycleData,
  WebhookLifecycleData,
  ApiKeyData,
  PolicyData,
  SystemData,
  TenantCascadeData,
  ObservedDeniedData,
  ObservedAllowedData,
  QuotaThresholdData,
  QuotaCounterResetData,
  EventDataByType,
  EventType,
} from "./event-data.ts";
export {
  type AuthIntrospectResponse,
  type BudgetLedger,
  type BudgetLedgerListResponse,
  type BudgetLedgerQuery,
  type EventListQuery,
  type EventListResponse,
  type EventReplayRequest,
  type EventReplayResponse,
  type TenantEventListQuery,
  type WebhookDelivery,
  type WebhookDeliveryListQuery,
  type WebhookDeliveryListResponse,
} from "./governance.ts";
export {
  type ActionQuotaCounterListResponse,
  type ActionQuotaCounterQuery,
  type ActionQuotaCounterResetRequest,
  type ActionQuotaCounterResetResponse,
  type ActionQuotaState,
} from "./action-quota.ts";
export { type ActionKind, type ActionKindRegistryPage } from "./action-kind.ts";
export { type Action, type ActionPolicyKeys } from "./action.ts";
export { type WireUnit, units } from "./amount.ts";
export { type Balance, type BalanceQuery, type BalanceResponse } from "./balance.ts";
export { type Caps } from "./caps.ts";
export { type CommitRequest, type CommitResponse } from "./commit.ts";
export { type DecisionReasonCode, type DecisionRequest, type DecisionResponse, type DecisionWord } from "./decision.ts";
export { type ActionQuotaViolation, type DenyDetail } from "./deny-detail.ts";
export { type EmittedEvent, type EventActor } from "./emitted-event.ts";
export { type ErrorCode, type ErrorResponse, errorCodes } from "./error.ts";
export { type EventCreateRequest, type EventCreateResponse } from "./event.ts";
export { type CyclesEvidenceRef, type ReservationEvidence } from "./evidence.ts";
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
  evidenceSchemaVersion,
} from "./evidence-envelope.ts";
export { type ReservationExtendRequest, type ReservationExtendResponse } from "./extend.ts";
export { type StandardMetrics } from "./metrics.ts";
export { type ReleaseRequest, type ReleaseResponse } from "./release.ts";
export {
  type ReservationListQuery,
  type ReservationListResponse,
  type ReservationSortKey,
  reservationSortKeys,
} from "./reservation-list.ts";
export { type ReservationDetail, type ReservationStatus, type ReservationSummary } from "./reservation-record.ts";
export {
  type CommitOveragePolicy,
  type ObserveMode,
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  overagePolicies,
} from "./reservation.ts";
export { type Subject, type SubjectLevel, subjectLevels } from "./subject.ts";
export {
  actionSchema,
  requestActionSchema,
  requestPolicyKeysSchema,
  amountSchema,
  requestAmountSchema,
  signedAmountSchema,
  balanceQuerySchema,
  balanceResponseSchema,
  balanceSchema,
  capsSchema,
  commitRequestSchema,
  commitResponseSchema,
  decisionRequestSchema,
  decisionResponseSchema,
  idempotencyKeySchema,
  denyDetailSchema,
  emittedEventSchema,
  errorResponseSchema,
  eventCreateRequestSchema,
  eventCreateResponseSchema,
  evidenceRefSchema,
  reservationEvidenceSchema,
  evidenceEnvelopeSchema,
  evidencePayloadSchema,
  reservationExtendRequestSchema,
  reservationExtendResponseSchema,
  requestMetricsSchema,
  releaseRequestSchema,
  releaseResponseSchema,
  reservationListQuerySchema,
  reservationListResponseSchema,
  reservationDetailSchema,
  reservationSummarySchema,
  gracePeriodSchema,
  overagePolicySchema,
  reservationCreateRequestSchema,
  reservationCreateResponseSchema,
  ttlSchema,
  requestSubjectSchema,
  subjectSchema,
  actionKindSchema,
  actionKindRegistryPageSchema,
  authIntrospectResponseSchema,
  budgetLedgerSchema,
  budgetLedgerListResponseSchema,
  budgetLedgerQuerySchema,
  eventListQuerySchema,
  eventListResponseSchema,
  eventReplayRequestSchema,
  eventReplayResponseSchema,
  tenantEventListQuerySchema,
  webhookDeliverySchema,
  webhookDeliveryListQuerySchema,
  webhookDeliveryListResponseSchema,
} from "./schemas.ts";
