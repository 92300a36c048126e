import type { Action, Subject } from "@imprest/core";
import type { Fact, Moment } from "@imprest/embedded";
import type { Money } from "../../pages/console-wire.ts";
import { blockedByOf, bounded, boundedCaps, moneyOf } from "./bounded.ts";
import type { NewActivity } from "./source.ts";

/** A fact of a ledger, as the console shows it; `undefined` for one that is about a budget alone, or was only watched. */
export function activityOfFact(fact: Fact, moment: Moment): NewActivity | undefined {
  switch (fact.kind) {
    case "reserved":
      return { ...aboutOf(fact, moment), ...heldOf(fact), ...boundedCaps(fact.caps), expiresAtMs: fact.expiresAtMs };
    case "extended":
      return { ...aboutOf(fact, moment), ...heldOf(fact), expiresAtMs: fact.expiresAtMs };
    case "committed":
      return { ...aboutOf(fact, moment), ...heldOf(fact), charged: moneyOf({ amount: fact.charged, unit: fact.unit }) };
    case "released": {
      const { reason } = fact;
      return { ...aboutOf(fact, moment), ...heldOf(fact), ...(reason !== undefined && { reason: bounded(reason) }) };
    }
    case "expired":
      return { ...aboutOf(fact, moment), ...heldOf(fact), expiresAtMs: fact.expiresAtMs };
    case "recorded":
      return { ...aboutOf(fact, moment), charged: moneyOf({ amount: fact.charged, unit: fact.unit }) };
    case "denied":
      return { ...aboutOf(fact, moment), ...denialOf(fact) };
    default:
      return undefined;
  }
}

type Spending = Extract<Fact, { readonly subject: Subject; readonly kind: NewActivity["kind"] }>;

function aboutOf(
  { kind, tenant, scope, action, subject }: Spending,
  { atMs, cause }: Moment,
): Pick<NewActivity, "kind" | "atMs" | "tenant" | "scope" | "action" | "agent" | "traceId"> {
  const { agent } = subject;
  return {
    kind,
    atMs,
    tenant,
    scope,
    action: actionOf(action),
    ...(agent !== undefined && { agent: bounded(agent) }),
    ...(cause !== undefined && { traceId: cause.traceId }),
  };
}

function actionOf({ kind, name = kind }: Action): NonNullable<NewActivity["action"]> {
  return { kind: bounded(kind), name: bounded(name) };
}

function heldOf({
  reservationId,
  reserved,
  unit,
}: Extract<Fact, { readonly reserved: bigint; readonly subject: Subject }>): {
  readonly reservationId: string;
  readonly reserved: Money;
} {
  return { reservationId, reserved: moneyOf({ amount: reserved, unit }) };
}

function denialOf({
  estimate,
  detail,
}: Extract<Fact, { readonly kind: "denied" }>): Pick<
  NewActivity,
  "estimate" | "reason" | "blockedBy" | "remaining" | "suggestedFix"
> {
  const { reasonCode, blockedByScope, blockedByPolicy, budgetRemaining, suggestedFix } = detail;
  return {
    estimate: moneyOf(estimate),
    reason: bounded(reasonCode),
    ...blockedByOf(blockedByScope, blockedByPolicy),
    ...(budgetRemaining !== undefined && { remaining: String(budgetRemaining) }),
    ...(suggestedFix !== undefined && { suggestedFix: bounded(suggestedFix) }),
  };
}
