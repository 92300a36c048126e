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
  /** Also those that stand at zero. By default: false. */
  readonly includeZero?: boolean | undefined;
}

/** Names one counter (Cycles action kinds §ActionQuotaCounterResetRequest). */
export interface ResetQuotaCounterRequest {
  readonly tenant: string;
  readonly counter: {
    readonly [Name in "scope" | "actionKind" | "riskClass" | "window" | "windowKey"]: string | undefined;
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
      about.tenant === tenant &&
      about.scope.startsWith(scopePrefix) &&
      (actionKind === undefined || about.actionKind === actionKind) &&
      (window === undefined || about.window === window) &&
      (runId === undefined || (about.window === "per_run" && about.windowKey === runId)) &&
      (includeZero || used > 0),
  );
  const order = { descending: false, filter: [tenant, scopePrefix, actionKind, window, runId, includeZero] };
  return pageOf(found, ({ about, key }) => [about.scope, key], order, request);
}

/**
 * Begins one counter anew, and emits the fact. What is reserved stays reserved (Cycles action kinds §RESET SEMANTICS).
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
      about.tenant === tenant &&
      about.scope === scope &&
      about.actionKind === wanted.actionKind &&
      about.riskClass === wanted.riskClass &&
      about.window === wanted.window &&
      about.windowKey === wanted.windowKey,
  );
  if (found === undefined) throw new LedgerRefusal("NOT_FOUND", "There is no such counter, or it has lapsed.");
  const counter = state.counters.reset(found, nowMs);
  state.emit({ kind: "quotaReset", ...found.about, previousUsed: found.used, actorId, reason });
  return { counter, previous: found.used };
}
