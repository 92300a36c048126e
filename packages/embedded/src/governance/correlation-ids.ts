import { hex, utf8 } from "@imprest/core/internal";
import { sha256 } from "@noble/hashes/sha2.js";
import type { DenialDetail } from "../ledger/denial-detail.ts";
import { fingerprint } from "../ledger/fingerprint.ts";
import type { Counted } from "../ledger/quota-counters.ts";

// Deterministic, so that a dashboard joins streams of events that nothing else ties together.

/** Of what happens to one quota counter (Cycles v0.1.26 §EventDataQuotaThresholdApproaching, CORRELATION). */
export function counterCorrelation({ tenant, scope, actionKind, riskClass, window, windowKey }: Counted): string {
  return `quota:${digest([tenant, scope, riskClass ?? actionKind, window, windowKey])}`;
}

/** Of alike denials, enforced or only observed (Cycles v0.1.26 §EventDataObservedDenied, CORRELATION). */
export function denialCorrelation(tenant: string, scope: string, actionKind: string, detail: DenialDetail): string {
  return `denial:${digest([tenant, scope, actionKind, detail.quotaViolation?.windowKey ?? "", detail.reasonCode])}`;
}

/** Of what was observed and allowed in one run; none without a run (Cycles v0.1.26 §EventDataObservedAllowed). */
export function runCorrelation(tenant: string, scope: string, runId: string | undefined): string | undefined {
  return runId === undefined ? undefined : `run:${digest([tenant, scope, runId])}`;
}

/** Of everything that closed with a tenant (Cycles governance §CASCADE SEMANTICS). */
export function closeCorrelation(tenant: string, closeId: string): string {
  return `tenant_close_cascade:${tenant}:${closeId}`;
}

function digest(parts: readonly string[]): string {
  return hex(sha256(utf8(fingerprint(parts)))).slice(0, 32);
}
