import type { DenyDetail } from "@imprest/core/models/cycles";
import { detailsOf } from "../http/refusal.ts";
import type { DenialDetail, QuotaViolation } from "../ledger/denial-detail.ts";
import type { RefusalHints } from "../ledger/refusal.ts";

/** Which rule denied, in the words of the wire (Cycles v0.1.26 §DenyDetail). */
export function writeDenial(detail: DenialDetail): DenyDetail {
  const { reasonCode, quotaViolation, blockedByScope, blockedByPolicy, budgetRemaining, suggestedFix } = detail;
  return {
    reason_code: reasonCode,
    ...(quotaViolation !== undefined && { quota_violation: writeViolation(quotaViolation) }),
    ...(blockedByScope !== undefined && { blocked_by_scope: blockedByScope }),
    ...(blockedByPolicy !== undefined && { blocked_by_policy: blockedByPolicy }),
    ...(budgetRemaining !== undefined && { budget_remaining: budgetRemaining }),
    ...(suggestedFix !== undefined && { suggested_fix: suggestedFix }),
  };
}

/** What helps the caller correct a request, as `details` of the answer (Cycles §ErrorResponse). */
export function writeHints(hints: RefusalHints | undefined): Readonly<Record<string, unknown>> | undefined {
  if (hints === undefined) return undefined;
  return { ...detailsOf(hints), ...(hints.denial !== undefined && { deny_detail: writeDenial(hints.denial) }) };
}

function writeViolation(violation: QuotaViolation): NonNullable<DenyDetail["quota_violation"]> {
  const { actionKind, riskClass, window, windowKey, used, limit, scope, policyId } = violation;
  return {
    action_kind: actionKind,
    ...(riskClass !== undefined && { risk_class: riskClass }),
    window,
    window_key: windowKey,
    used,
    limit,
    scope,
    policy_id: policyId,
  };
}
