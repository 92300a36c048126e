import { parseWire } from "@imprest/core/internal";
import { type DenyDetail, type EmittedEvent, denyDetail } from "@imprest/core/models/cycles";
import { eventOf } from "@imprest/cycles/governance";
import { blockedByOf, bounded, moneyOf } from "./bounded.ts";
import type { NewActivity } from "./source.ts";

/** A denial, of the event that a server keeps of it; `undefined` for another event, or one that is not what its type says. */
export function denialOfEvent(event: EmittedEvent): NewActivity | undefined {
  const atMs = Date.parse(event.timestamp);
  const data = dataOf(event);
  if (data === undefined || Number.isNaN(atMs)) return undefined;
  const { unit, requested_amount: requested, action, subject } = data;
  const detail = detailOf(data.deny_detail);
  const scope = data.scope ?? event.scope;
  const reason = data.reason_code ?? detail?.reason_code;
  const remaining = data.remaining ?? detail?.budget_remaining;
  const [kind, name, agent] = [textOf(action, "kind"), textOf(action, "name"), textOf(subject, "agent")];
  return {
    kind: "denied",
    atMs,
    tenant: bounded(event.tenant_id),
    scope: bounded(scope ?? ""),
    ...(agent !== undefined && { agent: bounded(agent) }),
    ...(kind !== undefined && { action: { kind: bounded(kind), name: bounded(name ?? kind) } }),
    ...(unit !== undefined && requested !== undefined && { estimate: moneyOf({ amount: requested, unit }) }),
    ...(reason !== undefined && { reason: bounded(reason) }),
    ...blockedByOf(detail?.blocked_by_scope, data.policy_id ?? detail?.blocked_by_policy),
    ...(remaining !== undefined && { remaining: String(remaining) }),
    ...(detail?.suggested_fix !== undefined && { suggestedFix: bounded(detail.suggested_fix) }),
    ...(event.trace_id !== undefined && { traceId: bounded(event.trace_id) }),
  };
}

type DeniedData = NonNullable<ReturnType<typeof eventOf<"reservation.denied">>>["data"];

function dataOf(event: EmittedEvent): DeniedData | undefined {
  try {
    return eventOf(event, "reservation.denied")?.data;
  } catch {
    return undefined;
  }
}

function detailOf(value: unknown): DenyDetail | undefined {
  try {
    return value === undefined ? undefined : parseWire(denyDetail, value, "deny_detail");
  } catch {
    return undefined;
  }
}

function textOf(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof found === "string" ? found : undefined;
}
