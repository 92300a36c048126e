import * as z from "zod/mini";
import type { Amount } from "../../amount/amount.ts";
import type { WireSchema } from "../../wire/schema.ts";
import { type Action, requestActionSchema } from "./action.ts";
import { amountSchema, requestAmountSchema } from "./amount.ts";
import { type Balance, balancesSchema } from "./balance.ts";
import { type Caps, capsSchema } from "./caps.ts";
import { type DecisionReasonCode, type DecisionWord, idempotencyKeySchema } from "./decision.ts";
import { type DenyDetail, denyDetailSchema } from "./deny-detail.ts";
import { type CyclesEvidenceRef, evidenceRefSchema } from "./evidence.ts";
import { count, flag, jsonObject, oneOf, requestObject, responseObject, text, texts, wholeNumber } from "./fields.ts";
import { type Subject, requestSubjectSchema } from "./subject.ts";

/**
 * What becomes of a commit beyond the reserve (Cycles §CommitOveragePolicy): refuse it, charge what is left and flag
 * the scope (the default), or run into debt up to the overdraft limit.
 */
export type CommitOveragePolicy = "REJECT" | "ALLOW_IF_AVAILABLE" | "ALLOW_WITH_OVERDRAFT";

export const overagePolicies: readonly CommitOveragePolicy[] = ["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"];

export const overagePolicySchema: WireSchema<CommitOveragePolicy> = oneOf(overagePolicies);

/** Whether a reserve is enforced or only watched (Cycles v0.1.26 §ObserveModeEnum); DISABLED means ENFORCE. */
export type ObserveMode = "DISABLED" | "OBSERVE" | "ENFORCE";

const observeModes: readonly ObserveMode[] = ["DISABLED", "OBSERVE", "ENFORCE"];

/** Milliseconds; the spec's ceiling is one day. */
export const ttlSchema: WireSchema<number> = wholeNumber(1_000, 86_400_000);

/** Milliseconds; the spec's ceiling is one minute. */
export const gracePeriodSchema: WireSchema<number> = wholeNumber(0, 60_000);

/** Sets budget aside (Cycles §ReservationCreateRequest). */
export interface ReservationCreateRequest {
  readonly idempotency_key: string;
  readonly subject: Subject;
  readonly action: Action;
  readonly estimate: Amount;
  /** 1000 to 86400000; 60000 when absent. */
  readonly ttl_ms?: number | undefined;
  /** 0 to 60000; 5000 when absent. How long after the expiry a commit is still taken. */
  readonly grace_period_ms?: number | undefined;
  readonly overage_policy?: CommitOveragePolicy | undefined;
  /** Evaluates only: no budget is set aside. */
  readonly dry_run?: boolean | undefined;
  /** Overrides the tenant's mode (v0.1.26): OBSERVE evaluates as a dry run does, and emits an event. */
  readonly observe_mode?: ObserveMode | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export const reservationCreateRequestSchema: WireSchema<ReservationCreateRequest> = requestObject({
  idempotency_key: idempotencyKeySchema,
  subject: requestSubjectSchema,
  action: requestActionSchema,
  estimate: requestAmountSchema,
  ttl_ms: z.optional(ttlSchema),
  grace_period_ms: z.optional(gracePeriodSchema),
  overage_policy: z.optional(overagePolicySchema),
  dry_run: z.optional(flag),
  observe_mode: z.optional(oneOf(observeModes)),
  metadata: z.optional(jsonObject),
});

/** The answer to a reserve, a dry run included (Cycles §ReservationCreateResponse). */
export interface ReservationCreateResponse {
  readonly decision: DecisionWord;
  readonly affected_scopes: readonly string[];
  /** Present when something was reserved. */
  readonly reservation_id?: string | undefined;
  readonly reserved?: Amount | undefined;
  /** Epoch milliseconds on the authority's clock. */
  readonly expires_at_ms?: number | undefined;
  /** Milliseconds left when the answer was written; made anew on a replay. */
  readonly remaining_ttl_ms?: number | undefined;
  readonly scope_path?: string | undefined;
  readonly caps?: Caps | undefined;
  readonly balances?: readonly Balance[] | undefined;
  readonly reason_code?: DecisionReasonCode | undefined;
  readonly retry_after_ms?: number | undefined;
  /** Present on DENY of a v0.1.26 authority. */
  readonly deny_detail?: DenyDetail | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const reservationCreateResponseSchema: WireSchema<ReservationCreateResponse> = responseObject({
  decision: text,
  affected_scopes: texts,
  reservation_id: z.optional(text),
  reserved: z.optional(amountSchema),
  expires_at_ms: z.optional(count),
  remaining_ttl_ms: z.optional(count),
  scope_path: z.optional(text),
  caps: z.optional(capsSchema),
  balances: z.optional(balancesSchema),
  reason_code: z.optional(text),
  retry_after_ms: z.optional(count),
  deny_detail: z.optional(denyDetailSchema),
  cycles_evidence: z.optional(evidenceRefSchema),
});
