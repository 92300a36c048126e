import { int64, text } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";

/** The quota rule that said no (Cycles v0.1.26 §ActionQuotaViolation). */
export interface ActionQuotaViolation {
  readonly action_kind: string;
  /** `per_run`, `per_minute_tumbling`, `per_hour_tumbling`, `per_day_tumbling`, `per_tenant_per_day`; open. */
  readonly window: string;
  readonly used: bigint;
  readonly limit: bigint;
  readonly scope: string;
  readonly window_key?: string | undefined;
  readonly policy_id?: string | undefined;
  /** Present when the quota is one of a whole risk class. */
  readonly risk_class?: string | undefined;
}

/** Which rule fired, and what would change the answer (Cycles v0.1.26 §DenyDetail). */
export interface DenyDetail {
  /** Mirrors the decision's reason code; open. */
  readonly reason_code: string;
  readonly quota_violation?: ActionQuotaViolation | undefined;
  readonly blocked_by_scope?: string | undefined;
  readonly blocked_by_policy?: string | undefined;
  readonly suggested_fix?: string | undefined;
  /** In the unit of the request; negative in overdraft. */
  readonly budget_remaining?: bigint | undefined;
}

const actionQuotaViolation: Shape<ActionQuotaViolation> = object({
  action_kind: text,
  window: text,
  used: int64,
  limit: int64,
  scope: text,
  window_key: optional(text),
  policy_id: optional(text),
  risk_class: optional(text),
});

export const denyDetail: Shape<DenyDetail> = object({
  reason_code: text,
  quota_violation: optional(actionQuotaViolation),
  blocked_by_scope: optional(text),
  blocked_by_policy: optional(text),
  suggested_fix: optional(text),
  budget_remaining: optional(int64),
});
