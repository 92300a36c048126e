import { type Action, type Settlement, type SettlementInstruction } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import type { DecisionRequest, EvidencePayload } from "@imprest/core/models/cycles";
import { attestedDecision, attestedReserve, writeDecision, writeMetrics, writeReserve } from "../cycles/write.ts";
import type { OveragePolicy } from "../ledger/charge.ts";
import type { Evaluation, ReserveOutcome } from "../ledger/outcomes.ts";
import type { DecideRequest, LedgerReserveRequest } from "../ledger/requests.ts";
import { readSpend } from "./spend-settlement.ts";

// What was asked in process and what came of it, in the words of the wire: evidence has no others.

export function decidePayload(asked: DecideRequest, evaluation: Evaluation): EvidencePayload {
  return { decide: { request: askedRequest(asked), response: attestedDecision(writeDecision(evaluation)) } };
}

/** A reserve in process, whose policy is one of those that Cycles has. */
type AskedReserve = LedgerReserveRequest & { readonly overagePolicy?: OveragePolicy | undefined };

export function reservePayload(asked: AskedReserve, outcome: ReserveOutcome): EvidencePayload {
  const { ttlMs, graceMs, overagePolicy } = asked;
  const terms = { ttl_ms: ttlMs, grace_period_ms: graceMs, overage_policy: overagePolicy };
  const request = { ...askedRequest(asked), ...terms };
  return { reserve: { request, response: attestedReserve(writeReserve(outcome)) } };
}

/** A commit or a release; `undefined` for the late path, which no artifact type covers, and for what gave nothing back. */
export function settlementPayload(
  instruction: SettlementInstruction,
  settled: Settlement,
): EvidencePayload | undefined {
  const { reservationId: reservation_id, idempotencyKey: idempotency_key, body } = instruction;
  const { status, charged, refunded: released } = settled;
  if (status === "committed" && charged !== undefined) {
    const { actual, metrics, metadata } = readSpend(body);
    const request = { idempotency_key, actual, metrics: writeMetrics(metrics), metadata };
    return { commit: { reservation_id, request, response: { status: "COMMITTED", charged, released } } };
  }
  if (status === "released" && released !== undefined) {
    const { reason } = parseJson(body) as { readonly reason?: string };
    return {
      release: { reservation_id, request: { idempotency_key, reason }, response: { status: "RELEASED", released } },
    };
  }
  return undefined;
}

function askedRequest({ idempotencyKey, subject, action, estimate, metadata }: DecideRequest): DecisionRequest {
  return { idempotency_key: idempotencyKey, subject, action: named(action), estimate, metadata };
}

/** The wire requires a name. */
function named({ kind, name = kind, tags }: Action): DecisionRequest["action"] {
  return { kind, name, tags };
}
