import { hex, utf8 } from "@imprest/core/internal";
import type { DenyDetail } from "@imprest/core/models/cycles";
import { sha256 } from "@noble/hashes/sha2.js";
import { fingerprint } from "./fingerprint.ts";
import type { Counted } from "./quota-counters.ts";

// Deterministic, so that a dashboard joins streams of events that nothing else ties together.

/** Of what happens to one quota counter (Cycles v0.1.26 §EventDataQuotaThresholdApproaching, CORRELATION). */
export function counterCorrelation({ tenant_id, scope, action_kind, risk_class, window, window_key }: Counted): string {
  return `quota:${digest([tenant_id, scope, risk_class ?? action_kind, window, window_key])}`;
}

/** Of alike denials, enforced or only observed (Cycles v0.1.26 §EventDataObservedDenied, CORRELATION). */
export function denialCorrelation(tenant: string, scope: string, actionKind: string, detail: DenyDetail): string {
  return `denial:${digest([tenant, scope, actionKind, detail.quota_violation?.window_key ?? "", detail.reason_code])}`;
}

/** Of what was observed and allowed in one run; none without a run (Cycles v0.1.26 §EventDataObservedAllowed). */
export function runCorrelation(tenant: string, scope: string, runId: string | undefined): string | undefined {
  return runId === undefined ? undefined : `run:${digest([tenant, scope, runId])}`;
}

function digest(parts: readonly string[]): string {
  return hex(sha256(utf8(fingerprint(parts)))).slice(0, 32);
}
