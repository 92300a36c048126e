import { boundedText, count, flag, loose, oneOf, openOneOf, text, wholeNumber } from "../../../wire/leaves.ts";
import { type Shape, closedObject, list, object, optional, refined, tolerant } from "../../../wire/shape.ts";

import { riskClasses } from "./action-kind.ts";

/** A quota's counter as it stands (Cycles action kinds v0.1.26 §ActionQuotaState). Instants are ISO 8601. */
export interface ActionQuotaState {
  /** `__risk__` for the counter of a risk class. */
  readonly action_kind: string;
  readonly scope: string;
  /** `per_run`, `per_minute_tumbling`, `per_hour_tumbling`, `per_day_tumbling`, `per_tenant_per_day`; open. */
  readonly window: string;
  readonly used: number;
  readonly limit: number;
  readonly risk_class?: string | undefined;
  readonly scope_path?: string | undefined;
  /** The run, or the UTC minute, hour or day. */
  readonly window_key?: string | undefined;
  readonly remaining?: number | undefined;
  readonly policy_id?: string | undefined;
  readonly expires_at?: string | undefined;
  readonly last_incremented_at?: string | undefined;
}

const quotaWindows = [
  "per_run",
  "per_minute_tumbling",
  "per_hour_tumbling",
  "per_day_tumbling",
  "per_tenant_per_day",
] as const;

export const actionQuotaState: Shape<ActionQuotaState> = object({
  action_kind: loose(boundedText(64)),
  scope: text,
  window: openOneOf(quotaWindows),
  used: count,
  limit: tolerant(wholeNumber(1), count),
  risk_class: optional(openOneOf(riskClasses)),
  scope_path: optional(text),
  window_key: optional(text),
  remaining: optional(count),
  policy_id: optional(text),
  expires_at: optional(text),
  last_incremented_at: optional(text),
});

/** One page of counters. */
export interface ActionQuotaCounterListResponse {
  readonly counters: readonly ActionQuotaState[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const actionQuotaCounterListResponse: Shape<ActionQuotaCounterListResponse> = object({
  counters: list(actionQuotaState),
  next_cursor: optional(text),
  has_more: optional(flag),
});

/** Which counters (Cycles action kinds §listActionQuotaCounters). */
export interface ActionQuotaCounterQuery {
  /** Required under an administrator's key, ignored under a tenant's. */
  readonly tenant_id?: string | undefined;
  /** A prefix. */
  readonly scope?: string | undefined;
  readonly action_kind?: string | undefined;
  readonly window?: string | undefined;
  readonly run_id?: string | undefined;
  /** Also those that stand at zero. */
  readonly include_zero?: boolean | undefined;
  /** 1 to 200; 50 when absent. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

const word = optional(boundedText(512));

export const actionQuotaCounterQuery: Shape<ActionQuotaCounterQuery> = closedObject({
  tenant_id: word,
  scope: word,
  action_kind: optional(boundedText(64)),
  window: optional(boundedText(64)),
  run_id: optional(boundedText(256)),
  include_zero: optional(flag),
  limit: optional(wholeNumber(1, 200)),
  cursor: optional(boundedText(4096)),
});

/** Names one counter exactly (Cycles action kinds §ActionQuotaCounterResetRequest). */
export interface ActionQuotaCounterResetRequest {
  readonly tenant_id: string;
  readonly scope: string;
  readonly action_kind: string;
  /** With the action kind `__risk__`, and only then. */
  readonly risk_class?: string | undefined;
  readonly window: string;
  readonly window_key: string;
  /** Told in `quota.counter_reset`. */
  readonly reason?: string | undefined;
}

export const actionQuotaCounterResetRequest: Shape<ActionQuotaCounterResetRequest> = refined(
  closedObject({
    tenant_id: boundedText(128, 1),
    scope: boundedText(1024, 1),
    action_kind: boundedText(64, 1),
    risk_class: optional(oneOf(riskClasses)),
    window: oneOf(quotaWindows),
    window_key: boundedText(256, 1),
    reason: optional(boundedText(512)),
  }),
  ({ action_kind, risk_class }: ActionQuotaCounterResetRequest) =>
    (action_kind === "__risk__") === (risk_class !== undefined),
  "must name risk_class with the action_kind __risk__, and only then",
);

/** A counter after its reset. */
export interface ActionQuotaCounterResetResponse {
  readonly counter: ActionQuotaState;
  readonly previous_used: number;
}

export const actionQuotaCounterResetResponse: Shape<ActionQuotaCounterResetResponse> = object({
  counter: actionQuotaState,
  previous_used: count,
});
