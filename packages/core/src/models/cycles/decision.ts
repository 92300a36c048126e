import type { Amount } from "../../amount/amount.ts";
import { boundedText, count, jsonObject, loose, openOneOf, texts } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional } from "../../wire/shape.ts";
import { type Action, requestAction } from "./action.ts";
import { requestAmount } from "./amount.ts";
import { type Caps, caps } from "./caps.ts";
import { type DenyDetail, denyDetail } from "./deny-detail.ts";
import { type CyclesEvidenceRef, cyclesEvidenceRef } from "./evidence.ts";
import { type Subject, requestSubject } from "./subject.ts";

/** ALLOW, ALLOW_WITH_CAPS or DENY (Cycles §DecisionEnum). Open: a word nobody knows is to be treated as DENY. */
export type DecisionWord = "ALLOW" | "ALLOW_WITH_CAPS" | "DENY" | (string & {});

/** Why a decision is DENY (Cycles §DecisionReasonCode). Open by the spec's own word. */
export type DecisionReasonCode =
  | "BUDGET_EXCEEDED"
  | "BUDGET_FROZEN"
  | "BUDGET_CLOSED"
  | "BUDGET_NOT_FOUND"
  | "OVERDRAFT_LIMIT_EXCEEDED"
  | "DEBT_OUTSTANDING"
  | "TENANT_CLOSED"
  | "ACTION_QUOTA_EXCEEDED"
  | "ACTION_KIND_DENIED"
  | "ACTION_KIND_NOT_ALLOWED"
  | (string & {});

export const decisions = ["ALLOW", "ALLOW_WITH_CAPS", "DENY"] as const;

export const reasonCode: Shape<string> = loose(boundedText(128));

/** Same key, 1 to 256 characters, means same operation (Cycles §IdempotencyKey). */
export const idempotencyKey: Shape<string> = boundedText(256, 1);

/** Asks without reserving (Cycles §DecisionRequest). */
export interface DecisionRequest {
  readonly idempotency_key: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly estimate: Amount;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const decisionRequest: Shape<DecisionRequest> = closedObject({
  idempotency_key: idempotencyKey,
  subject: requestSubject,
  action: requestAction,
  estimate: requestAmount,
  metadata: optional(jsonObject),
});

/** What the authority would do (Cycles §DecisionResponse). No promise: a reserve may still be refused. */
export interface DecisionResponse {
  readonly decision: DecisionWord;
  readonly caps?: Caps | undefined;
  readonly reason_code?: DecisionReasonCode | undefined;
  readonly retry_after_ms?: number | undefined;
  readonly affected_scopes?: readonly string[] | undefined;
  /** Present on DENY of a v0.1.26 authority. */
  readonly deny_detail?: DenyDetail | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const decisionResponse: Shape<DecisionResponse> = object({
  decision: openOneOf(decisions),
  caps: optional(caps),
  reason_code: optional(reasonCode),
  retry_after_ms: optional(count),
  affected_scopes: optional(texts),
  deny_detail: optional(denyDetail),
  cycles_evidence: optional(cyclesEvidenceRef),
});
