import type { Action, EvidenceReference, Settlement, SettlementInstruction } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import type { DecisionRequest, EvidencePayload } from "@imprest/core/models/cycles";
import type { Answer, AnswerSigner } from "../authority/answer-signer.ts";
import { readSpend, writeMetrics } from "../authority/spend-settlement.ts";
import { attestedDecision, attestedReserve, writeDecision, writeReserve } from "../cycles/write.ts";
import type { DecideRequest } from "../ledger/requests.ts";
import type { Attestor } from "./attestor.ts";

// What was asked in process and what came of it, in the words of the wire: evidence has no others.

/** Signs what an in-process authority answers. */
export class InProcessSigner implements AnswerSigner {
  readonly #attestor: Attestor;

  constructor(attestor: Attestor) {
    this.#attestor = attestor;
  }

  async sign(
    answer: Answer,
    { tenant, traceId }: { readonly tenant: string; readonly traceId: string },
  ): Promise<EvidenceReference | undefined> {
    const payload = payloadOf(answer);
    const reference = payload && (await this.#attestor.attest({ tenant, traceId, payload }));
    return reference && { id: reference.evidence_id, url: reference.cycles_evidence_url };
  }
}

function payloadOf(answer: Answer): EvidencePayload | undefined {
  switch (answer.kind) {
    case "decision": {
      const response = attestedDecision(writeDecision(answer.outcome));
      return { decide: { request: askedRequest(answer.asked), response } };
    }
    case "reserve": {
      const { ttlMs, graceMs, overagePolicy } = answer.asked;
      const terms = { ttl_ms: ttlMs, grace_period_ms: graceMs, overage_policy: overagePolicy };
      const request = { ...askedRequest(answer.asked), ...terms };
      // A grant states no balances, so its evidence states none.
      const { balances: _unstated, ...response } = attestedReserve(writeReserve(answer.outcome));
      return { reserve: { request, response } };
    }
    case "settlement":
      return settlementPayload(answer.asked, answer.outcome);
    default:
      return answer satisfies never;
  }
}

/** A commit or a release; `undefined` for the late path, which no artifact type covers, and for what gave nothing back. */
function settlementPayload(instruction: SettlementInstruction, settled: Settlement): EvidencePayload | undefined {
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
