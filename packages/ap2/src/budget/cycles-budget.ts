import type {
  Attempt as SettleAttempt,
  CallOptions,
  Environment,
  EvidenceReference,
  Grant,
  Intent,
  Lease,
  ReserveRequest,
  SettlementInstruction,
  SpendAuthority,
} from "@imprest/core";
import { ResponseFormatError } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import type { CyclesEvidenceRef, ReservationCreateResponse } from "@imprest/core/models/cycles";
import { reservationCreateResponse } from "@imprest/core/models/cycles";
import { type CyclesAuthority, CyclesError, metadataOf } from "@imprest/cycles";
import type { Operation } from "@imprest/cycles/internal";
import { AP2AlreadyConsumed, AP2GuardDenied } from "../errors.ts";
import type { Attempt } from "../ledger/attempt.ts";
import { type SettlementBase, commitInstruction, releaseInstruction } from "../settlement-bodies.ts";
import { deniedBy, endedBefore, isAllowed, isRefusal, wouldAnswer } from "./denied-by.ts";
import type { PaymentBudget, PaymentBytes } from "./payment-budget.ts";

const createReservation: Operation<ReservationCreateResponse> = {
  name: "createReservation",
  status: 200,
  schema: reservationCreateResponse,
};

/** The name of the claim in a reserve's metadata. */
export const claimName = "ap2_claim";

/** By what it is, not by its class: whoever pays from another budget loads no Cycles client. */
export function isCycles(authority: SpendAuthority): authority is CyclesAuthority {
  return authority.protocol === "cycles" && "client" in authority;
}

/** A Cycles server: the reserve goes out in the guard's own bytes, and reservations can be looked at. */
export class CyclesBudget implements PaymentBudget {
  readonly protocol = "cycles";
  readonly target: string;
  readonly environment: Environment;
  readonly dedupeHorizonMs: Readonly<Record<string, number>>;
  readonly #cycles: CyclesAuthority;

  constructor(cycles: CyclesAuthority) {
    this.#cycles = cycles;
    this.target = cycles.target;
    this.environment = cycles.environment;
    this.dedupeHorizonMs = cycles.dedupeHorizonMs;
  }

  extend(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease> {
    return this.#cycles.extend(grant, by, options);
  }

  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<SettleAttempt> {
    return this.#cycles.settle(instruction, options);
  }

  async reserve(
    bytes: PaymentBytes,
    request: ReserveRequest,
    options: CallOptions & { readonly idempotencyKey: string },
  ): Promise<Grant> {
    const { idempotencyKey } = options;
    const write = { path: "/v1/reservations", body: bytes.reserveBody, idempotencyKey };
    try {
      const answer = await this.#cycles.client.connection.write(createReservation, write, options);
      await this.#assertAlive(answer, bytes, options);
      return grantOf(request, answer, bytes);
    } catch (error) {
      if (CyclesError.isInstance(error) && isRefusal(error)) throw deniedBy(error, evidenceOf(error.evidence));
      throw error;
    }
  }

  prepare(base: SettlementBase, intent: Intent): SettlementInstruction {
    if (intent.kind === "release") return releaseInstruction(base, intent.reason.text);
    return commitInstruction(base, intent.spend.amount.amount, intent.spend.metadata);
  }

  async probe(body: string, idempotencyKey: string, options: CallOptions): Promise<unknown> {
    const write = { path: "/v1/reservations", body, idempotencyKey };
    let answer: ReservationCreateResponse;
    try {
      answer = await this.#cycles.client.connection.write({ ...createReservation, name: "dryRun" }, write, options);
    } catch (cause) {
      if (!CyclesError.isInstance(cause)) throw cause;
      return deniedBy(cause, evidenceOf(cause.evidence));
    }
    const { decision, reason_code: reasonCode, caps, balances, affected_scopes: affectedScopes } = answer;
    return wouldAnswer(
      decision,
      { reasonCode, ...idsOf(answer) },
      { reasonCode, caps: caps && { ...caps }, balances, affectedScopes },
    );
  }

  async assertUnknown(attempt: Attempt, idempotencyKey: string, options: CallOptions): Promise<void> {
    const query = { idempotency_key: idempotencyKey, include: ["metadata"] };
    const { signal, timeoutMs, traceparent } = options;
    for await (const found of this.#cycles.client.listReservations(query, { signal, timeoutMs, traceparent })) {
      if (found.status === "RELEASED" || found.metadata?.[claimName] === attempt.claim) continue;
      const { reservation_id: reservationId, status } = found;
      const message = `The authority has reservation ${reservationId} (${status}) under this mandate. Nothing was started.`;
      throw new AP2AlreadyConsumed(message, { reasonCode: "ALREADY_CONSUMED", reservationId });
    }
  }

  /**
   * An answer may be the replay of an earlier one, for a reservation that was settled or has expired since: nothing
   * stands behind it then (Cycles §reserve, replay). A server that does not answer what remains is asked.
   */
  async #assertAlive(answer: ReservationCreateResponse, bytes: PaymentBytes, options: CallOptions): Promise<void> {
    const { reservation_id: reservationId, remaining_ttl_ms: remainingMs, decision } = answer;
    if (reservationId === undefined || !isAllowed(decision)) return;
    if (remainingMs === undefined) {
      // Not aborted by the caller: what was granted must be known, or nothing gives it back.
      const { timeoutMs, traceparent } = options;
      const found = await this.#cycles.client.getReservation(reservationId, { timeoutMs, traceparent });
      const claim = found.metadata?.[claimName];
      if (found.status === "ACTIVE" && (claim === undefined || claim === bytes.claim)) return;
    } else if (remainingMs > 0) {
      return;
    }
    throw endedBefore(reservationId, idsOf(answer));
  }
}

function grantOf(
  request: ReserveRequest,
  answer: ReservationCreateResponse,
  { ignoresCaps, reserveBody }: PaymentBytes,
): Grant {
  const { decision, reservation_id: id, caps, cycles_evidence: evidence } = answer;
  if (!isAllowed(decision)) throw deniedIn(answer);
  if (id === undefined) {
    throw new ResponseFormatError("createReservation: the answer allows, but holds no reservation_id.");
  }
  const { ttl_ms: ttlMs } = parseJson(reserveBody) as { readonly ttl_ms: number };
  return {
    id,
    decision,
    reserved: answer.reserved ?? request.estimate,
    caps: ignoresCaps ? [] : Object.entries(caps ?? {}).map(([name, value]) => ({ name, value })),
    lease: { ttlMs, remainingMs: answer.remaining_ttl_ms, expiresAt: answer.expires_at_ms },
    evidence: evidenceOf(evidence),
    ...idsOf(answer),
    request,
    wire: answer,
  };
}

function evidenceOf(reference: CyclesEvidenceRef | undefined): EvidenceReference | undefined {
  return reference && { id: reference.evidence_id, url: reference.cycles_evidence_url };
}

function deniedIn(answer: ReservationCreateResponse): AP2GuardDenied {
  const { decision, reason_code: reasonCode, retry_after_ms: retryAfterMs, cycles_evidence: evidence } = answer;
  const why = reasonCode === undefined ? "" : ` because of ${reasonCode}`;
  return new AP2GuardDenied(`The authority answered ${decision}${why}. Nothing was started.`, {
    reasonCode,
    retryAfterMs,
    evidence: evidenceOf(evidence),
    ...idsOf(answer),
  });
}

function idsOf(answer: object): {
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
} {
  const { requestId, traceId } = metadataOf(answer) ?? {};
  return { requestId, traceId };
}
