/** Which ARCP code an upstream's error stands for; `undefined` for none in particular. */
export type UpstreamErrorMapper = (error: unknown) => "BUDGET_EXHAUSTED" | "PERMISSION_DENIED" | undefined;

const budgetCodes: ReadonlySet<string> = new Set([
  "budget_exceeded",
  "budget_exhausted",
  "insufficient_quota",
  "billing_hard_limit_reached",
  "credit_balance_too_low",
  "payment_required",
]);

const permissionCodes: ReadonlySet<string> = new Set([
  "model_not_allowed",
  "model_not_found",
  "key_model_access_denied",
  "permission_error",
  "permission_denied",
]);

/**
 * The default: HTTP 402 and the usual budget codes are BUDGET_EXHAUSTED, 403 and the usual model codes are
 * PERMISSION_DENIED (ARCP §9.6, §13.7). Looks at `status`, at `code`, `type`, `errorCode` and `reasonCode`, and at
 * the same members of `error`.
 */
export function upstreamCodeOf(error: unknown): "BUDGET_EXHAUSTED" | "PERMISSION_DENIED" | undefined {
  const inner = member(error, "error");
  const words = [error, inner]
    .flatMap((holder) => [
      member(holder, "code"),
      member(holder, "type"),
      member(holder, "errorCode"),
      member(holder, "reasonCode"),
    ])
    .filter((word) => typeof word === "string")
    .map((word) => word.toLowerCase());
  const status = member(error, "status") ?? member(error, "statusCode");
  if (status === 402 || words.some((word) => budgetCodes.has(word))) return "BUDGET_EXHAUSTED";
  if (status === 403 || words.some((word) => permissionCodes.has(word))) return "PERMISSION_DENIED";
  return undefined;
}

function member(holder: unknown, name: string): unknown {
  return typeof holder === "object" && holder !== null ? Reflect.get(holder, name) : undefined;
}
