import { ActionKinds, type CustomActionKind, type RoutingKey } from "./action-kinds.ts";
import { type ActionPolicy, type ActionQuota, type RiskClassQuota, orderPolicies, policyFor } from "./action-policy.ts";
import type { ActionDenial, Admission, Admit, Count } from "./admit.ts";
import type { QuotaCounters } from "./quota-counters.ts";
import type { QuotaWindow } from "./quota-window.ts";
import { LedgerRefusal } from "./refusal.ts";
import type { DecideRequest } from "./requests.ts";
import { type Scopes, canonicalScope } from "./scopes.ts";

/** Which kinds of action may be taken, and how often. */
export interface ActionRules {
  /** Evaluated before the budgets (Cycles v0.1.26). */
  readonly actionPolicies?: readonly ActionPolicy[] | undefined;
  /** Kinds of the operator's own, which are refused unless they are declared. */
  readonly customKinds?: readonly CustomActionKind[] | undefined;
}

const oneDayMs = 86_400_000;

/** How long a calendar counter is kept, from its last call (Cycles action kinds §WINDOW MODEL, cleanup). */
const keptMs: Readonly<Record<Exclude<QuotaWindow, "per_run">, number>> = {
  per_minute_tumbling: 120_000,
  per_hour_tumbling: 3_660_000,
  per_day_tumbling: 90_000_000,
  per_tenant_per_day: 90_000_000,
};

/** How much of a UTC instant, as ISO 8601, names its bucket. */
const bucketLengths: Readonly<Record<Exclude<QuotaWindow, "per_run">, number>> = {
  per_minute_tumbling: 16,
  per_hour_tumbling: 13,
  per_day_tumbling: 10,
  per_tenant_per_day: 10,
};

/**
 * Steps 1 to 3 of the evaluation (Cycles v0.1.26 §RESERVATION EVALUATION ORDER): kinds, quotas of risk classes, quotas of
 * kinds. What it returns throws LedgerRefusal INVALID_REQUEST for an undeclared custom kind, and for a run's quota without a
 * `run_id`.
 * @throws ConfigurationError naming the rule that cannot be used.
 */
export function admissionBy({ actionPolicies = [], customKinds }: ActionRules): Admit {
  const policies = orderPolicies(actionPolicies);
  const kinds = new ActionKinds(customKinds);
  return (request, scopes, counters, nowMs) => admit({ policies, kinds }, request, scopes, { counters, nowMs });
}

/** The rules, ready to be asked. */
interface Rules {
  readonly policies: readonly ActionPolicy[];
  readonly kinds: ActionKinds;
}

/** What was counted until now. */
interface Counting {
  readonly counters: Pick<QuotaCounters, "used">;
  readonly nowMs: number;
}

function admit({ policies, kinds }: Rules, request: DecideRequest, scopes: Scopes, counting: Counting): Admission {
  const { kind } = request.action;
  const risk = kinds.riskOf(kind);
  if (risk === undefined) {
    const message = `The kind ${kind} is not declared; declare it in customKinds, or use one of the registry.`;
    throw new LedgerRefusal("INVALID_REQUEST", message);
  }
  const policy = policyFor(policies, scopes);
  if (policy === undefined) return { counts: [] };
  const denial = kindDenial(policy, kind);
  if (denial !== undefined) return { denial };
  const counts = new Map<string, Count>();
  // Risk classes first; of the quotas of one step the one that is used up most is reported.
  for (const quotas of [
    (policy.riskClassQuotas ?? []).filter(({ riskClass }) => riskClass === risk),
    (policy.actionQuotas ?? []).filter((quota) => quota.actionKind === kind && isRouted(kinds, quota, request)),
  ]) {
    const asked = quotas.map((quota) => countOf(policy, quota, request, scopes, counting));
    const exceeded = asked
      .filter(({ used, about }) => used >= about.limit)
      .toSorted((one, other) => one.about.limit - one.used - (other.about.limit - other.used))[0];
    if (exceeded !== undefined) return { denial: quotaDenial(exceeded, kind) };
    for (const count of asked) counts.set(count.key, count);
  }
  return { counts: [...counts.values()] };
}

function kindDenial(
  { id, deniedActionKinds = [], allowedActionKinds = [] }: ActionPolicy,
  kind: string,
): ActionDenial | undefined {
  if (deniedActionKinds.includes(kind)) {
    const fix = `Remove '${kind}' from denied_action_kinds in policy '${id}'`;
    return kindRefused("ACTION_KIND_DENIED", `The policy ${id} denies the kind ${kind}.`, id, fix);
  }
  if (allowedActionKinds.length > 0 && !allowedActionKinds.includes(kind)) {
    const fix = `Add '${kind}' to allowed_action_kinds in policy '${id}'`;
    return kindRefused("ACTION_KIND_NOT_ALLOWED", `The policy ${id} does not allow the kind ${kind}.`, id, fix);
  }
  return undefined;
}

function kindRefused(reason: ActionDenial["reason"], message: string, policyId: string, fix: string): ActionDenial {
  return { reason, message, detail: { reasonCode: reason, blockedByPolicy: policyId, suggestedFix: fix } };
}

function quotaDenial({ used, about }: Count, kind: string): ActionDenial {
  const { policyId, scope, window, windowKey, limit, riskClass } = about;
  const what = riskClass === undefined ? "Action" : "Risk-class";
  const whose = riskClass ?? kind;
  return {
    reason: "ACTION_QUOTA_EXCEEDED",
    message: `${what} quota exceeded: ${whose} ${window} limit ${limit} reached`,
    detail: {
      reasonCode: "ACTION_QUOTA_EXCEEDED",
      quotaViolation: {
        actionKind: kind,
        ...(riskClass !== undefined && { riskClass }),
        window,
        windowKey,
        used: BigInt(used),
        limit: BigInt(limit),
        scope,
        policyId,
      },
      blockedByScope: scope,
      blockedByPolicy: policyId,
      suggestedFix: `Increase ${whose} ${window} limit from ${limit} in policy '${policyId}', or wait for its next window`,
    },
  };
}

/** An allowlist counts only what it names; a dimension that the kind does not declare is ignored (§POLICY KEYS). */
function isRouted(kinds: ActionKinds, quota: ActionQuota, { action }: DecideRequest): boolean {
  const { host, recipientDomain, resourceType } = action.policyKeys ?? {};
  const lists: readonly (readonly [RoutingKey, string | undefined, readonly string[] | undefined])[] = [
    ["host", host, quota.hosts],
    ["recipient_domain", recipientDomain, quota.recipientDomains],
    ["resource_type", resourceType, quota.resourceTypes],
  ];
  return lists.every(([name, value, allowed = []]) => {
    if (allowed.length === 0) return true;
    return value !== undefined && kinds.isRouted(action.kind, name) && allowed.includes(value);
  });
}

function countOf(
  { id }: ActionPolicy,
  quota: ActionQuota | RiskClassQuota,
  { tenant, subject, action }: DecideRequest,
  scopes: Scopes,
  { counters, nowMs }: Counting,
): Count {
  const { window, maxCalls, threshold = 0.8, runCounterTtlMs = oneDayMs } = quota;
  const isPerRun = window === "per_run";
  const bucket = isPerRun ? subject.dimensions?.["run_id"] : bucketAt(nowMs, window);
  if (bucket === undefined || bucket === "") {
    const message = `A quota of ${action.kind} counts by run; name it in subject.dimensions.run_id.`;
    throw new LedgerRefusal("INVALID_REQUEST", message);
  }
  const risk = "riskClass" in quota ? quota.riskClass : undefined;
  const scope = window === "per_tenant_per_day" ? canonicalScope(`tenant:${tenant}`) : scopes.path;
  const counted = risk === undefined ? action.kind : `__risk__:${risk}`;
  const key = `quota:${tenant}:${scope}:${counted}:${window}:${bucket}`;
  return {
    key,
    isPerRun,
    threshold,
    expiresAtMs: nowMs + (isPerRun ? runCounterTtlMs : keptMs[window]),
    used: counters.used(key, nowMs),
    about: {
      tenant,
      scope,
      actionKind: risk === undefined ? action.kind : "__risk__",
      ...(risk !== undefined && { riskClass: risk }),
      window,
      windowKey: bucket,
      limit: maxCalls,
      policyId: id,
    },
  };
}

function bucketAt(nowMs: number, window: Exclude<QuotaWindow, "per_run">): string {
  return new Date(nowMs).toISOString().slice(0, bucketLengths[window]);
}
