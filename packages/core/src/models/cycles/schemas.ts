import type { WireSchema } from "../../wire/schema.ts";
import { toZod } from "../../wire/to-zod.ts";
import type { Amount } from "../../amount/amount.ts";
import {
  type Action,
  type ActionPolicyKeys,
  actionShape,
  requestActionShape,
  requestPolicyKeysShape,
} from "./action.ts";
import { amountShape, requestAmountShape, signedAmountShape } from "./amount.ts";
import {
  type Balance,
  type BalanceQuery,
  type BalanceResponse,
  balanceQueryShape,
  balanceResponseShape,
  balanceShape,
} from "./balance.ts";
import { type Caps, capsShape } from "./caps.ts";
import { type CommitRequest, type CommitResponse, commitRequestShape, commitResponseShape } from "./commit.ts";
import {
  type DecisionRequest,
  type DecisionResponse,
  decisionRequestShape,
  decisionResponseShape,
  idempotencyKeyShape,
} from "./decision.ts";
import { type DenyDetail, denyDetailShape } from "./deny-detail.ts";
import { type EmittedEvent, emittedEventShape } from "./emitted-event.ts";
import { type ErrorResponse, errorResponseShape } from "./error.ts";
import {
  type EventCreateRequest,
  type EventCreateResponse,
  eventCreateRequestShape,
  eventCreateResponseShape,
} from "./event.ts";
import {
  type EvidenceEnvelope,
  type EvidencePayload,
  evidenceEnvelopeShape,
  evidencePayloadShape,
} from "./evidence-envelope.ts";
import {
  type CyclesEvidenceRef,
  type ReservationEvidence,
  evidenceRefShape,
  reservationEvidenceShape,
} from "./evidence.ts";
import {
  type ReservationExtendRequest,
  type ReservationExtendResponse,
  reservationExtendRequestShape,
  reservationExtendResponseShape,
} from "./extend.ts";
import { type StandardMetrics, requestMetricsShape } from "./metrics.ts";
import { type ReleaseRequest, type ReleaseResponse, releaseRequestShape, releaseResponseShape } from "./release.ts";
import {
  type ReservationListQuery,
  type ReservationListResponse,
  reservationListQueryShape,
  reservationListResponseShape,
} from "./reservation-list.ts";
import {
  type ReservationDetail,
  type ReservationSummary,
  reservationDetailShape,
  reservationSummaryShape,
} from "./reservation-record.ts";
import {
  type CommitOveragePolicy,
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  gracePeriodShape,
  overagePolicyShape,
  reservationCreateRequestShape,
  reservationCreateResponseShape,
  ttlShape,
} from "./reservation.ts";
import { type Subject, requestSubjectShape, subjectShape } from "./subject.ts";
import {
  type ActionKind,
  type ActionKindRegistryPage,
  actionKindShape,
  actionKindRegistryPageShape,
} from "./action-kind.ts";
import {
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
  authIntrospectResponseShape,
  budgetLedgerShape,
  budgetLedgerListResponseShape,
  budgetLedgerQueryShape,
  eventListQueryShape,
  eventListResponseShape,
  eventReplayRequestShape,
  eventReplayResponseShape,
  tenantEventListQueryShape,
  webhookDeliveryShape,
  webhookDeliveryListQueryShape,
  webhookDeliveryListResponseShape,
} from "./governance.ts";
// The models as zod schemas, for those who build on zod. Made of the shapes, so the two cannot say different things.

export const actionSchema: WireSchema<Action> = /* @__PURE__ */ toZod(actionShape);
export const requestActionSchema: WireSchema<Action> = /* @__PURE__ */ toZod(requestActionShape);
export const requestPolicyKeysSchema: WireSchema<ActionPolicyKeys> = /* @__PURE__ */ toZod(requestPolicyKeysShape);
export const amountSchema: WireSchema<Amount> = /* @__PURE__ */ toZod(amountShape);
export const requestAmountSchema: WireSchema<Amount> = /* @__PURE__ */ toZod(requestAmountShape);
export const signedAmountSchema: WireSchema<Amount> = /* @__PURE__ */ toZod(signedAmountShape);
export const balanceQuerySchema: WireSchema<BalanceQuery> = /* @__PURE__ */ toZod(balanceQueryShape);
export const balanceResponseSchema: WireSchema<BalanceResponse> = /* @__PURE__ */ toZod(balanceResponseShape);
export const balanceSchema: WireSchema<Balance> = /* @__PURE__ */ toZod(balanceShape);
export const capsSchema: WireSchema<Caps> = /* @__PURE__ */ toZod(capsShape);
export const commitRequestSchema: WireSchema<CommitRequest> = /* @__PURE__ */ toZod(commitRequestShape);
export const commitResponseSchema: WireSchema<CommitResponse> = /* @__PURE__ */ toZod(commitResponseShape);
export const decisionRequestSchema: WireSchema<DecisionRequest> = /* @__PURE__ */ toZod(decisionRequestShape);
export const decisionResponseSchema: WireSchema<DecisionResponse> = /* @__PURE__ */ toZod(decisionResponseShape);
export const idempotencyKeySchema: WireSchema<string> = /* @__PURE__ */ toZod(idempotencyKeyShape);
export const denyDetailSchema: WireSchema<DenyDetail> = /* @__PURE__ */ toZod(denyDetailShape);
export const emittedEventSchema: WireSchema<EmittedEvent> = /* @__PURE__ */ toZod(emittedEventShape);
export const errorResponseSchema: WireSchema<ErrorResponse> = /* @__PURE__ */ toZod(errorResponseShape);
export const eventCreateRequestSchema: WireSchema<EventCreateRequest> = /* @__PURE__ */ toZod(eventCreateRequestShape);
export const eventCreateResponseSchema: WireSchema<EventCreateResponse> =
  /* @__PURE__ */ toZod(eventCreateResponseShape);
export const evidenceRefSchema: WireSchema<CyclesEvidenceRef> = /* @__PURE__ */ toZod(evidenceRefShape);
export const reservationEvidenceSchema: WireSchema<ReservationEvidence> =
  /* @__PURE__ */ toZod(reservationEvidenceShape);
export const evidenceEnvelopeSchema: WireSchema<EvidenceEnvelope> = /* @__PURE__ */ toZod(evidenceEnvelopeShape);
export const evidencePayloadSchema: WireSchema<EvidencePayload> = /* @__PURE__ */ toZod(evidencePayloadShape);
export const reservationExtendRequestSchema: WireSchema<ReservationExtendRequest> =
  /* @__PURE__ */ toZod(reservationExtendRequestShape);
export const reservationExtendResponseSchema: WireSchema<ReservationExtendResponse> =
  /* @__PURE__ */ toZod(reservationExtendResponseShape);
export const requestMetricsSchema: WireSchema<StandardMetrics> = /* @__PURE__ */ toZod(requestMetricsShape);
export const releaseRequestSchema: WireSchema<ReleaseRequest> = /* @__PURE__ */ toZod(releaseRequestShape);
export const releaseResponseSchema: WireSchema<ReleaseResponse> = /* @__PURE__ */ toZod(releaseResponseShape);
export const reservationListQuerySchema: WireSchema<ReservationListQuery> =
  /* @__PURE__ */ toZod(reservationListQueryShape);
export const reservationListResponseSchema: WireSchema<ReservationListResponse> =
  /* @__PURE__ */ toZod(reservationListResponseShape);
export const reservationDetailSchema: WireSchema<ReservationDetail> = /* @__PURE__ */ toZod(reservationDetailShape);
export const reservationSummarySchema: WireSchema<ReservationSummary> = /* @__PURE__ */ toZod(reservationSummaryShape);
export const gracePeriodSchema: WireSchema<number> = /* @__PURE__ */ toZod(gracePeriodShape);
export const overagePolicySchema: WireSchema<CommitOveragePolicy> = /* @__PURE__ */ toZod(overagePolicyShape);
export const reservationCreateRequestSchema: WireSchema<ReservationCreateRequest> =
  /* @__PURE__ */ toZod(reservationCreateRequestShape);
export const reservationCreateResponseSchema: WireSchema<ReservationCreateResponse> =
  /* @__PURE__ */ toZod(reservationCreateResponseShape);
export const ttlSchema: WireSchema<number> = /* @__PURE__ */ toZod(ttlShape);
export const requestSubjectSchema: WireSchema<Subject> = /* @__PURE__ */ toZod(requestSubjectShape);
export const subjectSchema: WireSchema<Subject> = /* @__PURE__ */ toZod(subjectShape);
export const actionKindSchema: WireSchema<ActionKind> = /* @__PURE__ */ toZod(actionKindShape);
export const actionKindRegistryPageSchema: WireSchema<ActionKindRegistryPage> =
  /* @__PURE__ */ toZod(actionKindRegistryPageShape);
export const authIntrospectResponseSchema: WireSchema<AuthIntrospectResponse> =
  /* @__PURE__ */ toZod(authIntrospectResponseShape);
export const budgetLedgerSchema: WireSchema<BudgetLedger> = /* @__PURE__ */ toZod(budgetLedgerShape);
export const budgetLedgerListResponseSchema: WireSchema<BudgetLedgerListResponse> =
  /* @__PURE__ */ toZod(budgetLedgerListResponseShape);
export const budgetLedgerQuerySchema: WireSchema<BudgetLedgerQuery> = /* @__PURE__ */ toZod(budgetLedgerQueryShape);
export const eventListQuerySchema: WireSchema<EventListQuery> = /* @__PURE__ */ toZod(eventListQueryShape);
export const eventListResponseSchema: WireSchema<EventListResponse> = /* @__PURE__ */ toZod(eventListResponseShape);
export const eventReplayRequestSchema: WireSchema<EventReplayRequest> = /* @__PURE__ */ toZod(eventReplayRequestShape);
export const eventReplayResponseSchema: WireSchema<EventReplayResponse> =
  /* @__PURE__ */ toZod(eventReplayResponseShape);
export const tenantEventListQuerySchema: WireSchema<TenantEventListQuery> =
  /* @__PURE__ */ toZod(tenantEventListQueryShape);
export const webhookDeliverySchema: WireSchema<WebhookDelivery> = /* @__PURE__ */ toZod(webhookDeliveryShape);
export const webhookDeliveryListQuerySchema: WireSchema<WebhookDeliveryListQuery> =
  /* @__PURE__ */ toZod(webhookDeliveryListQueryShape);
export const webhookDeliveryListResponseSchema: WireSchema<WebhookDeliveryListResponse> = /* @__PURE__ */ toZod(
  webhookDeliveryListResponseShape,
);
