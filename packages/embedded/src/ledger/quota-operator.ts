import { counterCorrelation } from "./correlation-ids.ts";
import { type Page, type PageRequest, pageOf } from "./page.ts";
import type { QuotaCounter } from "./quota-counters.ts";
import { LedgerRefusal } from "./refusal.ts";
import { canonicalScope } from "./scopes.ts";
import type { LedgerState } from "./state.ts";

export interface ListQuotaCountersRequest extends PageRequest {
  readonly tenant: string;
  /** The beginning of a scope path. */
  readonly scopePrefix?: string | undefined;
  readonly actionKind?: string | undefined;
  readonly window?: string | undefined;
  /** Of the counters `per_run`, those of this run. */
  readonly runId?: string | undefined;
  /** Also those that stand at zero. Default: false. */
  readonly includeZero?: boolean | undefined;
}

/** Names one counter (Cycles action kinds §ActionQuotaCounterResetRequest). */
export interface ResetQuotaCounterRequest {
  readonly tenant: string;
  readonly counter: {
    readonly [Name in "scope" | "action_kind" | "risk_class" | "window" | "window_key"]: string | undefined;
  };
  readonly reason?: string | undefined;
  /** Who resets it. */
  readonly actorId: string;
}

/** A tenant's live counters (Cycles action kinds §listActionQuotaCounters). @throws LedgerRefusal as `pageOf`. */
export function listQuotaCounters(state: LedgerState, request: ListQuotaCountersRequest): Page<QuotaCounter> {
  const nowMs = state.begin();
  const scopePrefix = canonicalScope(request.scopePrefix ?? "");
  const { tenant, actionKind, window, runId, includeZero = false } = request;
  const found = [...state.counters.live(nowMs)].filter(
    ({ used, about }) =>
      about.tenant_id === tenant &&
      about.scope.startsWith(scopePrefix) &&
      (actionKind === undefined || about.action_kind === actionKind) &&
      (window === undefined || about.window === window) &&
      (runId === undefined || (about.window === "per_run" && about.window_key === runId)) &&
      (includeZero || used > 0),
  );
  const order = { descending: false, filter: [tenant, scopePrefix, actionKind, window, runId, includeZero] };
  return pageOf(found, ({ about, key }) => [about.scope, key], order, request);
}

/**
 * Begins one counter anew, and tells so. What is reserved stays reserved (Cycles action kinds §RESET SEMANTICS).
 * @throws LedgerRefusal NOT_FOUND.
 */
export function resetQuotaCounter(
  state: LedgerState,
  { tenant, counter: wanted, reason, actorId }: ResetQuotaCounterRequest,
): { readonly counter: QuotaCounter; readonly previous: number } {
  const nowMs = state.begin();
  const scope = wanted.scope && canonicalScope(wanted.scope);
  const found = [...state.counters.live(nowMs)].find(
    ({ about }) =>
      about.tenant_id === tenant &&
      about.scope === scope &&
      about.action_kind === wanted.action_kind &&
      about.risk_class === wanted.risk_class &&
      about.window === wanted.window &&
      about.window_key === wanted.window_key,
  );
  if (found === undefined) throw new LedgerRefusal("NOT_FOUND", "There is no such counter, or it has lapsed.");
  const counter = state.counters.reset(found, nowMs);
  const { limit } = found.about;
  const numbers = { previous_used: BigInt(found.used), limit: BigInt(limit) };
  const data = { ...found.about, ...numbers, actor_id: actorId, ...(reason !== undefined && { reason }) };
  state.tell({ type: "quota.counter_reset", tenant, scope, data, correlationId: counterCorrelation(found.about) });
  return { counter, previous: found.used };
}
