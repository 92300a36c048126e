import { type Clock, type Subject } from "@imprest/core";
import type { JsonObject } from "@imprest/core/audit";
import type {
  AuditSuffix,
  CommitRequest,
  CommitResponse,
  QueryBudgetRequest,
  QueryBudgetResponse,
  ReleaseRequest,
  ReleaseResponse,
  ReserveRequest,
  ReserveResponse,
} from "@imprest/core/models/asp";
import type { Caps } from "@imprest/core/models/cycles";
import type { Ledger } from "../ledger/ledger.ts";
import type { ReserveOutcome } from "../ledger/outcomes.ts";
import { LedgerRefusal } from "../ledger/refusal.ts";
import type { Reservation } from "../ledger/reservation.ts";
import { subjectOf } from "../ledger/scopes.ts";
import { digestOf } from "./digest.ts";
import type { EventLog, Signed } from "./event-log.ts";
import type { ResolvedAspOptions } from "./options.ts";
import { AspRefusal, denialOf } from "./refusal.ts";
import type { AspReservation } from "./reservation.ts";
import { ReserveMemory } from "./reserve-memory.ts";
import type { Reservations } from "./reservations.ts";

export interface AspServiceParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly options: ResolvedAspOptions;
  readonly log: EventLog;
  readonly reservations: Reservations;
}

/** Members of `runtime_metadata` that go into an event as they came; anything else may be private (ASP §5). */
const keptMetadata: ReadonlySet<string> = new Set([
  "litellm_call_id",
  "model",
  "team_id",
  "pricing_version",
  "call_type",
  "stream",
  "mode",
  "integration",
]);

/**
 * The verbs of ASP over the ledger. What a verb does, and the events that tell it, happen in one turn; its answer
 * settles when the events are signed. Throws or rejects with `AspRefusal`, or with what the ledger refuses.
 */
export class AspService {
  readonly memory: ReserveMemory = new ReserveMemory();
  readonly #parts: AspServiceParts;

  constructor(parts: AspServiceParts) {
    this.#parts = parts;
  }

  /** ASP §3 stage 2. A repeated request has the same answer; the same key with another request conflicts. */
  reserve(tenant: string, request: ReserveRequest): Promise<ReserveResponse> {
    const nowMs = this.#parts.reservations.advance();
    const { claim, idempotencyKey, identity, runtimeMetadata } = request;
    if (claim.direction !== "DEBIT") {
      throw new AspRefusal("invalid_argument", "A reserve must be a DEBIT.", "DIRECTION_NOT_SUPPORTED");
    }
    const digest = digestOf([claim, identity, runtimeMetadata]);
    const known = this.memory.recall(tenant, idempotencyKey);
    if (known !== undefined && known.digest !== digest) throw conflict();
    if (known !== undefined) return known.answer;
    const answer = this.#decide(tenant, request, digest, nowMs);
    this.memory.remember(tenant, idempotencyKey, { digest, answer });
    return answer;
  }

  #decide(tenant: string, request: ReserveRequest, digest: string, nowMs: number): Promise<ReserveResponse> {
    const { claim, idempotencyKey, runtimeMetadata = {} } = request;
    const { budgetId, unit, amountAtomic } = claim;
    const subject = scopeOf(budgetId);
    const { call_type: kind, model: name } = runtimeMetadata;
    const action = {
      kind: typeof kind === "string" && kind !== "" ? kind.slice(0, 64) : "asp.call",
      ...(typeof name === "string" && name !== "" && { name: name.slice(0, 256) }),
    };
    const decisionId = crypto.randomUUID();
    const common = {
      decision_id: decisionId,
      budget_id: budgetId,
      unit,
      amount_atomic_reserved: amountAtomic.toString(),
      runtime_metadata: { ...kept(runtimeMetadata), idempotency_key: idempotencyKey, request_digest: digest },
    };
    let outcome: ReserveOutcome;
    try {
      outcome = this.#parts.ledger.reserve({
        tenant,
        idempotencyKey: ledgerKey(idempotencyKey),
        subject,
        action,
        estimate: { unit, amount: amountAtomic },
        ttlMs: this.#parts.options.ttlMs,
        // ASP returns the capacity at the TTL and honours late commits beyond it; the ledger's own grace holds both.
        graceMs: 0,
        overagePolicy: this.#parts.options.overagePolicyOf(budgetId),
      });
    } catch (error) {
      const reason = denialOf(error);
      if (reason === undefined) throw error;
      return this.#deny(tenant, common, reason, nowMs);
    }
    if (outcome.reservation === undefined) {
      return this.#deny(tenant, common, outcome.denied.reasonCode ?? "policy", nowMs);
    }
    const { id, grantedUntilMs: ttlExpiresAtMs, caps: ledgerCaps } = outcome.reservation;
    const caps = capsOf(ledgerCaps);
    const decision = caps === undefined ? "ALLOW" : "ALLOW_WITH_CAPS";
    const ttlExpiresAt = new Date(ttlExpiresAtMs).toISOString();
    this.#parts.reservations.add({
      id,
      ledgerId: id,
      tenant,
      decisionId,
      budgetId,
      subject,
      action,
      unit,
      reserved: amountAtomic,
      ttlExpiresAtMs,
      dueAtMs: ttlExpiresAtMs,
      queuePosition: -1,
      state: "RESERVED",
      observed: 0n,
      settlement: undefined,
    });
    const granted = { ...common, decision, reservation_id: id, ttl_expires_at: ttlExpiresAt };
    const data = { ...granted, ...(caps !== undefined && { caps: caps as unknown as JsonObject[] }) };
    return this.#parts.log.append(tenant, "reserve", data, nowMs).then(({ signature }) => ({
      decision,
      reservationId: id,
      ttlExpiresAt,
      ...(caps !== undefined && { caps }),
      auditEventSignature: signature,
    }));
  }

  #deny(tenant: string, common: JsonObject, reason: string, nowMs: number): Promise<ReserveResponse> {
    const reasonCodes = [reason];
    const data = { ...common, decision: "DENY", reason_codes: reasonCodes };
    const signed = this.#parts.log.append(tenant, "reserve", data, nowMs);
    return signed.then(({ signature }) => ({ decision: "DENY", reasonCodes, auditEventSignature: signature }));
  }

  /** ASP §3 stage 4, §3.1 to §3.3. Idempotent on reservation and key. */
  commit(tenant: string, request: CommitRequest): Promise<CommitResponse> {
    const nowMs = this.#parts.reservations.advance();
    const reservation = this.#own(tenant, request.reservationId);
    this.adopt(reservation, nowMs);
    const digest = digestOf([request.amountAtomicObserved, request.providerResponseFacts]);
    const { settlement } = reservation;
    if (settlement?.idempotencyKey === request.idempotencyKey) {
      if (settlement.digest === digest) return settlement.answer;
      return this.#rejectReplay(reservation, request, "body_mismatch", conflict(), nowMs);
    }
    switch (reservation.state) {
      case "RESERVED":
      case "EXPIRED_IN_GRACE":
        return this.#settle(reservation, request, digest, nowMs);
      case "COMMITTED": {
        const settled = new AspRefusal("failed_precondition", "It is committed already.", "RESERVATION_SETTLED");
        return this.#rejectReplay(reservation, request, "reservation_already_settled", settled, nowMs);
      }
      case "RELEASED":
        throw new AspRefusal("failed_precondition", "The reservation was released.", "RESERVATION_RELEASED");
      case "QUARANTINED":
        throw new AspRefusal("failed_precondition", "An operator must resolve it first.", "RESERVATION_QUARANTINED");
      default:
        return this.#reconcile(reservation, request, digest, nowMs);
    }
  }

  #settle(reservation: AspReservation, request: CommitRequest, digest: string, nowMs: number): Promise<CommitResponse> {
    const { amountAtomicObserved: observed } = request;
    const { reserved, budgetId, state } = reservation;
    if (observed > reserved && this.#parts.options.overagePolicyOf(budgetId) === "REJECT") {
      return this.#quarantine(reservation, request, digest, nowMs);
    }
    if (state === "EXPIRED_IN_GRACE") return this.#commitLate(reservation, request, digest, nowMs);
    try {
      const { ledger } = this.#parts;
      const actual = { unit: reservation.unit, amount: observed };
      const { tenant, ledgerId: reservationId } = reservation;
      ledger.commit({ tenant, reservationId, idempotencyKey: ledgerKey(request.idempotencyKey), actual });
    } catch (error) {
      if (!LedgerRefusal.isInstance(error) || error.reason !== "RESERVATION_EXPIRED") throw error;
      // The ledger's clock reached the TTL within this very turn.
      this.#parts.reservations.expire(reservation, nowMs);
      return this.#commitLate(reservation, request, digest, nowMs);
    }
    reservation.observed = observed;
    const difference = amountsOf(reserved, observed);
    const data = { amount_atomic_observed: observed.toString(), ...difference.data };
    const signed = this.#append(reservation, request, digest, "commit", data, nowMs);
    const told = this.#tellOverage(reservation, request, digest, nowMs);
    return this.#end(
      reservation,
      "COMMITTED",
      request.idempotencyKey,
      digest,
      answerOf(signed, difference.answer, told),
      nowMs,
    );
  }

  /** A charge beyond the reserve must be told (ASP §3.1). */
  #tellOverage(
    reservation: AspReservation,
    request: CommitRequest,
    digest: string,
    nowMs: number,
  ): Promise<Signed> | undefined {
    const { amountAtomicObserved: observed } = request;
    if (observed <= reservation.reserved) return undefined;
    const data = overageOf(reservation, observed, "charge_overage");
    return this.#append(reservation, request, digest, "overage_charged", data, nowMs);
  }

  /** Honoured though the capacity went back: the budget may go over its cap, and the event says by how much. */
  #commitLate(
    reservation: AspReservation,
    request: CommitRequest,
    digest: string,
    nowMs: number,
  ): Promise<CommitResponse> {
    const { ledger } = this.#parts;
    const { amountAtomicObserved: observed } = request;
    const { tenant, subject, action, unit, ttlExpiresAtMs, reserved } = reservation;
    ledger.recordEvent({
      tenant,
      idempotencyKey: `asp:late:${reservation.id}`,
      subject,
      action,
      actual: { unit, amount: observed },
      overagePolicy: "CHARGE_OVERAGE",
    });
    reservation.observed = observed;
    const { remaining } = ledger.getBudget({ tenant, scope: subject, unit });
    const over = -remaining < observed ? -remaining : observed;
    const data = {
      amount_atomic_observed: observed.toString(),
      grace_window_ms_used: Math.max(0, nowMs - ttlExpiresAtMs),
      ...(over > 0n && { over_cap_amount_atomic: over.toString() }),
    };
    const signed = this.#append(reservation, request, digest, "late_commit", data, nowMs);
    const told = this.#tellOverage(reservation, request, digest, nowMs);
    const answer = answerOf(signed, amountsOf(reserved, observed).answer, told);
    return this.#end(reservation, "COMMITTED", request.idempotencyKey, digest, answer, nowMs);
  }

  /** The call stays uncovered; what was held goes back, because nothing will be charged to it (ASP §3.1). */
  #quarantine(
    reservation: AspReservation,
    request: CommitRequest,
    digest: string,
    nowMs: number,
  ): Promise<CommitResponse> {
    const { amountAtomicObserved: observed } = request;
    if (reservation.state === "RESERVED") this.#giveBack(reservation, request.idempotencyKey, "overage_rejected");
    const signed = this.#append(
      reservation,
      request,
      digest,
      "overage_rejected",
      overageOf(reservation, observed),
      nowMs,
    );
    const message = `${observed} is more than the ${reservation.reserved} reserved; the reservation is quarantined.`;
    const answer = refuseAfter(signed, new AspRefusal("failed_precondition", message, "OVERAGE_REJECTED"));
    return this.#end(reservation, "QUARANTINED", request.idempotencyKey, digest, answer, nowMs);
  }

  #reconcile(
    reservation: AspReservation,
    request: CommitRequest,
    digest: string,
    nowMs: number,
  ): Promise<CommitResponse> {
    const graceEndMs = reservation.ttlExpiresAtMs + this.#parts.options.graceWindowMs;
    const data = {
      amount_atomic_observed: request.amountAtomicObserved.toString(),
      time_past_grace_ms: Math.max(0, nowMs - graceEndMs),
    };
    const signed = this.#append(reservation, request, digest, "reconciliation_gap", data, nowMs);
    const message = "The grace window is over; record the spend out of band.";
    const answer = refuseAfter(signed, new AspRefusal("failed_precondition", message, "EXPIRED_BEYOND_GRACE"));
    return this.#end(reservation, "EXPIRED_BEYOND_GRACE", request.idempotencyKey, digest, answer, nowMs);
  }

  #rejectReplay(
    reservation: AspReservation,
    { idempotencyKey }: CommitRequest,
    reason: string,
    refusal: AspRefusal,
    nowMs: number,
  ): Promise<CommitResponse> {
    const { tenant, id, decisionId } = reservation;
    const field = reason === "body_mismatch" ? "amount_atomic_observed,provider_response_facts" : "idempotency_key";
    const data = {
      decision_id: decisionId,
      reservation_id: id,
      idempotency_key: idempotencyKey,
      conflict_field: field,
      reason_codes: [reason],
    };
    return refuseAfter(this.#parts.log.append(tenant, "replay_rejected", data, nowMs), refusal);
  }

  /** ASP §3 stage 5'. Harmless on whatever is over already: nothing is held then. */
  release(tenant: string, request: ReleaseRequest): Promise<ReleaseResponse> {
    const nowMs = this.#parts.reservations.advance();
    const reservation = this.#own(tenant, request.reservationId);
    this.adopt(reservation, nowMs);
    const { idempotencyKey, reasonCodes = [] } = request;
    const { settlement, state } = reservation;
    if (state === "RELEASED" && settlement?.idempotencyKey === idempotencyKey) return settlement.answer;
    if (state !== "RESERVED") return Promise.resolve({});
    this.#giveBack(reservation, idempotencyKey, reasonCodes[0] ?? "released");
    const data = { reason_codes: [...reasonCodes] };
    const signed = this.#append(reservation, request, "", "release", data, nowMs);
    return this.#end(reservation, "RELEASED", idempotencyKey, "", answerOf(signed, {}), nowMs);
  }

  queryBudget(tenant: string, { budgetId, unit }: QueryBudgetRequest): QueryBudgetResponse {
    const nowMs = this.#parts.reservations.advance();
    const budget = this.#parts.ledger.getBudget({ tenant, scope: scopeOf(budgetId), unit });
    const { allocated, remaining, reserved, spent, debt } = budget;
    return {
      allocatedAtomic: allocated,
      availableAtomic: remaining > 0n ? remaining : 0n,
      reservedHoldAtomic: reserved,
      committedSpendAtomic: spent + debt,
      overCapAtomic: remaining < 0n ? -remaining : 0n,
      asOf: new Date(nowMs).toISOString(),
    };
  }

  /**
   * Takes in what another wire has done to a reservation meanwhile, and tells it in the feed: the same ledger settles
   * for all. @returns whether it was over.
   */
  adopt(reservation: AspReservation, nowMs: number): boolean {
    if (reservation.state !== "RESERVED" && reservation.state !== "EXPIRED_IN_GRACE") return true;
    const found = this.#inLedger(reservation);
    const { idempotencyKey = "", charged = 0n, operation } = found?.settlement ?? {};
    if (found === undefined || operation === undefined) return false;
    const by = { idempotencyKey };
    if (operation === "release") {
      const signed = this.#append(reservation, by, "", "release", { reason_codes: ["other_wire"] }, nowMs);
      void this.#end(reservation, "RELEASED", "", "", answerOf(signed, {}), nowMs);
      return true;
    }
    reservation.observed = charged;
    const difference = amountsOf(reservation.reserved, charged);
    const data = { amount_atomic_observed: charged.toString(), ...difference.data, reason_codes: ["other_wire"] };
    const signed = this.#append(reservation, by, "", "commit", data, nowMs);
    void this.#end(reservation, "COMMITTED", "", "", answerOf(signed, difference.answer), nowMs);
    return true;
  }

  /** `undefined` once the ledger has let it expire. */
  #inLedger({ tenant, ledgerId }: AspReservation): Readonly<Reservation> | undefined {
    try {
      return this.#parts.ledger.getReservation(tenant, ledgerId);
    } catch (error) {
      if (LedgerRefusal.isInstance(error)) return undefined;
      throw error;
    }
  }

  #giveBack({ tenant, ledgerId: reservationId }: AspReservation, idempotencyKey: string, reason: string): void {
    try {
      const release = {
        tenant,
        reservationId,
        idempotencyKey: ledgerKey(idempotencyKey),
        reason: reason.slice(0, 256),
      };
      this.#parts.ledger.release(release);
    } catch (error) {
      // Expired within this very turn: the ledger has given it back by itself.
      if (!LedgerRefusal.isInstance(error) || error.reason !== "RESERVATION_EXPIRED") throw error;
    }
  }

  #append(
    { tenant, id, decisionId }: AspReservation,
    { idempotencyKey }: { readonly idempotencyKey: string },
    digest: string,
    suffix: AuditSuffix,
    data: JsonObject,
    nowMs: number,
  ): Promise<Signed> {
    const metadata = { idempotency_key: idempotencyKey, ...(digest !== "" && { request_digest: digest }) };
    const whole = { decision_id: decisionId, reservation_id: id, ...data, runtime_metadata: metadata };
    const signed = this.#parts.log.append(tenant, suffix, whole, nowMs);
    // An event beside the one that is answered with has nobody waiting for it.
    signed.catch(() => {});
    return signed;
  }

  #end<Answer extends CommitResponse>(
    reservation: AspReservation,
    state: AspReservation["state"],
    idempotencyKey: string,
    digest: string,
    answer: Promise<Answer>,
    nowMs: number,
  ): Promise<Answer> {
    answer.catch(() => {});
    reservation.settlement = { idempotencyKey, digest, answer };
    this.#parts.reservations.finish(reservation, state, nowMs);
    return answer;
  }

  /** Another tenant's is as unknown as one that never was. */
  #own(tenant: string, reservationId: string): AspReservation {
    const reservation = this.#parts.reservations.get(reservationId);
    if (reservation?.tenant === tenant) return reservation;
    throw new AspRefusal("not_found", "There is no such reservation.", "RESERVATION_NOT_FOUND");
  }
}

/** Keys of the two wires are apart: a tenant may use one text on both. */
function ledgerKey(idempotencyKey: string): string {
  return `asp:${idempotencyKey}`;
}

/** A budget's id is the path of its scope: `tenant:acme/agent:bot`. */
export function scopeOf(budgetId: string): Subject {
  const isPath = /^[a-z]+:[^/:]+(\/[a-z]+:[^/:]+)*$/.test(budgetId);
  if (isPath) return subjectOf(budgetId);
  const message = 'The budget_id is not the path of a scope, such as "tenant:acme/agent:bot".';
  throw new AspRefusal("not_found", message, "BUDGET_NOT_FOUND");
}

function conflict(): AspRefusal {
  return new AspRefusal("failed_precondition", "The key was used with another request.", "REPLAY_CONFLICT");
}

function amountsOf(reserved: bigint, observed: bigint): { readonly data: JsonObject; readonly answer: CommitResponse } {
  if (observed === reserved) return { data: { exact_match: true }, answer: {} };
  const more = observed - reserved;
  return more > 0n
    ? { data: { charge_amount_atomic: more.toString() }, answer: { chargeAmountAtomic: more } }
    : { data: { refund_amount_atomic: (-more).toString() }, answer: { refundAmountAtomic: -more } };
}

function overageOf({ reserved }: AspReservation, observed: bigint, policy?: string): JsonObject {
  return {
    amount_atomic_observed: observed.toString(),
    amount_atomic_reserved: reserved.toString(),
    overage_amount_atomic: (observed - reserved).toString(),
    ...(policy !== undefined && { policy }),
  };
}

/** The answer, once its event, and the one told beside it, are signed. */
async function answerOf(
  signed: Promise<Signed>,
  answer: CommitResponse,
  beside?: Promise<Signed>,
): Promise<CommitResponse> {
  const [{ signature }] = await Promise.all([signed, beside]);
  return { ...answer, auditEventSignature: signature };
}

async function refuseAfter(signed: Promise<Signed>, refusal: AspRefusal): Promise<never> {
  await signed;
  throw refusal;
}

function kept(metadata: Readonly<Record<string, unknown>>): JsonObject {
  const entries = Object.entries(metadata).filter(([name, value]) => keptMetadata.has(name) && isScalar(value));
  return Object.fromEntries(entries) as JsonObject;
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" ? value.length <= 256 : ["number", "boolean"].includes(typeof value);
}

/** Each member of the ledger's caps is a cap of its own. */
function capsOf(caps: Caps | undefined): { readonly type: string; readonly params: { value: unknown } }[] | undefined {
  const entries = Object.entries(caps ?? {}).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : entries.map(([type, value]) => ({ type, params: { value } }));
}
