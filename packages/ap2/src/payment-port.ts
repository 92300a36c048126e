import {
  type Attempt as SettleAttempt,
  type CallOptions,
  type Environment,
  type EvidenceReference,
  type Grant,
  type Intent,
  type ReserveRequest,
  ResponseFormatError,
  type SettlementInstruction,
  type SpendAuthority,
} from "@imprest/core";
import { parseJson, shareOutbox } from "@imprest/core/internal";
import type { CyclesEvidenceRef, ReservationCreateResponse } from "@imprest/core/models/cycles";
import { reservationCreateResponse } from "@imprest/core/models/cycles/shapes";
import { CyclesError, metadataOf } from "@imprest/cycles";
import type { Operation } from "@imprest/cycles/internal";
import type { PaymentAuthority } from "./authority.ts";
import { AP2AlreadyConsumed, AP2GuardDenied } from "./errors.ts";
import { commitInstruction, releaseInstruction } from "./settlement-bodies.ts";

/** One attempt to pay, as its reserve and its settlements are written from. */
export interface PaymentBytes {
  /** The exact bytes of the reserve. */
  readonly reserveBody: string;
  readonly scope: string;
  readonly suffix: string;
  readonly claim: string;
  /** The caller does not look at caps (`compat: "python"`), so the kernel must not refuse them. */
  readonly ignoresCaps: boolean;
  /** The reserve was sent before, and nobody knows what became of it. */
  readonly isResumed: boolean;
}

const createReservation: Operation<ReservationCreateResponse> = {
  name: "createReservation",
  status: 200,
  schema: reservationCreateResponse,
};

/** The name of the claim in a reserve's metadata. */
export const claimName = "ap2_claim";

/**
 * The kernel's port for one payment, AP2 as a profile of Cycles: the reserve goes out in the guard's own bytes and under
 * its own key, settlements get the keys that follow from the mandate, and everything else is the Cycles authority's.
 */
export class PaymentPort implements SpendAuthority {
  readonly protocol: PaymentAuthority["protocol"];
  readonly durable = true;
  readonly target: string;
  readonly environment: Environment;
  readonly #authority: PaymentAuthority;
  readonly #bytes: PaymentBytes;
  #mayStand: boolean;

  constructor(authority: PaymentAuthority, bytes: PaymentBytes) {
    this.protocol = authority.protocol;
    this.target = authority.target;
    this.environment = authority.environment;
    this.#authority = authority;
    this.#bytes = bytes;
    this.#mayStand = bytes.isResumed;
    shareOutbox(this, authority);
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    const { idempotencyKey } = options;
    const write = { path: "/v1/reservations", body: this.#bytes.reserveBody, idempotencyKey };
    try {
      const answer = await this.#authority.cycles.client.connection.write(createReservation, write, options);
      await this.#assertAlive(answer, options);
      return grantOf(request, answer, this.#bytes);
    } catch (error) {
      if (CyclesError.isInstance(error) && (error.status ?? 0) < 500) throw deniedBy(error);
      this.#mayStand = true;
      throw error;
    }
  }

  /** Whether a reservation may stand under the reserve's key: an answer to it was lost. */
  get mayStand(): boolean {
    return this.#mayStand;
  }

  prepare(
    grant: Grant,
    intent: Intent,
    { recordedAtMs }: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    const { scope, suffix, reserveBody } = this.#bytes;
    const base = { target: this.target, scope, suffix, reserveBody, reservationId: grant.id, recordedAtMs };
    if (intent.kind === "release") return releaseInstruction(base, intent.reason.text);
    return commitInstruction(base, intent.spend.amount.amount, intent.spend.metadata);
  }

  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<SettleAttempt> {
    return this.#authority.settle(instruction, options);
  }

  /**
   * An answer may be the replay of an earlier one, for a reservation that was settled or has expired since: nothing
   * stands behind it then (Cycles §reserve, replay). A server that does not tell what remains is asked.
   */
  async #assertAlive(answer: ReservationCreateResponse, options: CallOptions): Promise<void> {
    const { reservation_id: reservationId, remaining_ttl_ms: remainingMs, decision } = answer;
    if (reservationId === undefined || !isAllowed(decision)) return;
    if (remainingMs === undefined) {
      const { timeoutMs, traceparent } = options;
      const found = await this.#authority.cycles.client.getReservation(reservationId, { timeoutMs, traceparent });
      const claim = found.metadata?.[claimName];
      if (found.status === "ACTIVE" && (claim === undefined || claim === this.#bytes.claim)) return;
    } else if (remainingMs > 0) {
      return;
    }
    throw new AP2AlreadyConsumed(
      `The authority answered with reservation ${reservationId}, which has ended: the mandate was used before. Nothing was started.`,
      { reasonCode: "RESERVATION_ENDED", reservationId, ...idsOf(answer) },
    );
  }
}

export function isAllowed(decision: string): decision is Grant["decision"] {
  return decision === "ALLOW" || decision === "ALLOW_WITH_CAPS";
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

/** The No that a refusal of a reserve is. */
export function deniedBy(cause: CyclesError): AP2GuardDenied {
  const { errorCode: reasonCode, requestId, traceId, retryAfterMs, evidence } = cause;
  const fields = {
    reasonCode,
    requestId,
    traceId,
    retryAfterMs,
    evidence: evidenceOf(evidence),
  };
  // Asked by its code: the class has no member of its own, so the type system could not tell the rest apart.
  if (cause.errorCode === "IDEMPOTENCY_MISMATCH") {
    const message = "Another worker holds or held this mandate: its reserve came first. Nothing was started.";
    return new AP2AlreadyConsumed(message, fields, { cause });
  }
  return new AP2GuardDenied(`${cause.message} Nothing was started.`, fields, { cause });
}

export function idsOf(answer: object): {
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
} {
  const { requestId, traceId } = metadataOf(answer) ?? {};
  return { requestId, traceId };
}
