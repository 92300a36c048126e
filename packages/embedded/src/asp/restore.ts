import type { AuditEvent, CommitResponse, ReserveResponse } from "@imprest/core/models/asp";
import type { Ledger } from "../ledger/ledger.ts";
import { scopeOf } from "./budget-scope.ts";
import { otherWire, otherWireReason } from "./other-wire.ts";
import type { ResolvedAspOptions } from "./options.ts";
import { AspRefusal } from "./refusal.ts";
import type { AspReservation } from "./reservation.ts";
import type { ReserveMemory } from "./reserve-memory.ts";

/** One event of a feed, and the signature that its answer carried. */
export interface KeptEvent {
  readonly tenant: string;
  readonly event: AuditEvent;
  readonly signature: Uint8Array;
}

type Ended = Extract<
  AuditEvent["suffix"],
  "commit" | "late_commit" | "release" | "overage_rejected" | "reconciliation_gap"
>;

/**
 * Folds events, each tenant's in order, into the reservations and answers that they record: the signed events alone
 * say what became of every reservation (ASP §3 stage 5: "recoverable from the chain").
 */
export function foldEvents(
  events: Iterable<KeptEvent>,
  memory: ReserveMemory,
  options: ResolvedAspOptions,
): AspReservation[] {
  const byDecision = new Map<string, AspReservation>();
  for (const { tenant, event, signature } of events) {
    if (event.suffix === "reserve") {
      const reservation = foldReserve(tenant, event, signature, memory);
      if (reservation !== undefined) byDecision.set(event.data.decision_id, reservation);
      continue;
    }
    const reservation = byDecision.get(event.data.decision_id);
    if (reservation !== undefined) foldOutcome(reservation, event, signature, options);
  }
  return [...byDecision.values()];
}

function foldReserve(
  tenant: string,
  { data }: Extract<AuditEvent, { suffix: "reserve" }>,
  auditEventSignature: Uint8Array,
  memory: ReserveMemory,
): AspReservation | undefined {
  const { decision, reservation_id: id, ttl_expires_at: ttlExpiresAt, caps, reason_codes: reasonCodes } = data;
  const { idempotency_key: key, request_digest: digest, call_type: kind, model: name } = data.runtime_metadata ?? {};
  const answer: ReserveResponse = {
    decision,
    auditEventSignature,
    ...(id !== undefined && { reservationId: id, ttlExpiresAt }),
    ...(caps !== undefined && { caps: caps as NonNullable<ReserveResponse["caps"]> }),
    ...(reasonCodes !== undefined && { reasonCodes }),
  };
  if (typeof key === "string" && typeof digest === "string") {
    memory.remember(tenant, key, { digest, answer: Promise.resolve(answer) });
  }
  if (id === undefined || ttlExpiresAt === undefined) return undefined;
  const ttlExpiresAtMs = Date.parse(ttlExpiresAt);
  return {
    id,
    tenant,
    decisionId: data.decision_id,
    budgetId: data.budget_id,
    subject: scopeOf(data.budget_id),
    action: { kind: typeof kind === "string" ? kind : "asp.call", ...(typeof name === "string" && { name }) },
    unit: data.unit,
    reserved: data.amount_atomic_reserved,
    ttlExpiresAtMs,
    dueAtMs: ttlExpiresAtMs,
    queuePosition: -1,
    state: "RESERVED",
    observed: 0n,
    settlement: undefined,
  };
}

function foldOutcome(
  reservation: AspReservation,
  event: Exclude<AuditEvent, { suffix: "reserve" }>,
  signature: Uint8Array,
  options: ResolvedAspOptions,
): void {
  switch (event.suffix) {
    case "commit":
    case "late_commit": {
      const observed = event.data.amount_atomic_observed;
      reservation.observed = observed;
      const difference = observed - reservation.reserved;
      const answer: CommitResponse = {
        auditEventSignature: signature,
        ...(difference > 0n && { chargeAmountAtomic: difference }),
        ...(difference < 0n && { refundAmountAtomic: -difference }),
      };
      return end(reservation, event, "COMMITTED", Promise.resolve(answer));
    }
    case "release":
      return end(reservation, event, "RELEASED", Promise.resolve({ auditEventSignature: signature }));
    case "overage_rejected":
      return end(reservation, event, "QUARANTINED", refused("The overage was refused.", "OVERAGE_REJECTED"));
    case "reconciliation_gap":
      return end(reservation, event, "EXPIRED_BEYOND_GRACE", refused("The grace was over.", "EXPIRED_BEYOND_GRACE"));
    case "ttl_expired":
      reservation.state = "EXPIRED_IN_GRACE";
      reservation.dueAtMs = reservation.ttlExpiresAtMs + options.graceWindowMs;
      return;
    default:
  }
}

function end(
  reservation: AspReservation,
  { data }: Extract<AuditEvent, { suffix: Ended }>,
  state: AspReservation["state"],
  answer: Promise<CommitResponse>,
): void {
  answer.catch(() => {});
  const { idempotency_key: key, request_digest: digest } = data.runtime_metadata ?? {};
  reservation.state = state;
  const by = { idempotencyKey: typeof key === "string" ? key : "", digest: typeof digest === "string" ? digest : "" };
  reservation.settlement = { ...(isOfAnotherWire(data) ? otherWire : by), answer };
}

function isOfAnotherWire(data: object): boolean {
  return "reason_codes" in data && Array.isArray(data.reason_codes) && data.reason_codes.includes(otherWireReason);
}

async function refused(message: string, code: "OVERAGE_REJECTED" | "EXPIRED_BEYOND_GRACE"): Promise<never> {
  throw new AspRefusal("failed_precondition", message, code);
}

/** Books into an empty ledger what folded reservations hold and have spent. @throws what the ledger refuses. */
export function bookFolded(
  folded: readonly AspReservation[],
  ledger: Ledger,
  options: ResolvedAspOptions,
  nowMs: number,
): void {
  // Holds first: each was granted within the budget, while a spend may have gone over its cap since.
  // One whose time is over holds nothing any more, though a feed that was cut short does not say so yet. At the very
  // millisecond of its TTL it still holds, as in `Reservations.advance`.
  for (const reservation of folded) {
    const { state, ttlExpiresAtMs } = reservation;
    if (state === "RESERVED" && ttlExpiresAtMs >= nowMs) hold(reservation, ledger, options, nowMs);
  }
  for (const reservation of folded) {
    const { tenant, id, unit, observed, action, subject } = reservation;
    if (observed > 0n) {
      const actual = { unit, amount: observed };
      const overagePolicy = "CHARGE_OVERAGE";
      ledger.recordEvent({ tenant, idempotencyKey: `asp:rebuilt:${id}`, subject, action, actual, overagePolicy });
    }
  }
}

/** Holds again what was held, under its id; a lease that is nearly over gets the shortest that the ledger has. */
function hold(reservation: AspReservation, ledger: Ledger, options: ResolvedAspOptions, nowMs: number): void {
  const { tenant, id, subject, action, unit, reserved, budgetId, ttlExpiresAtMs } = reservation;
  const request = {
    tenant,
    idempotencyKey: `asp:rebuilt:${id}`,
    subject,
    action,
    estimate: { unit, amount: reserved },
    ttlMs: Math.max(1_000, ttlExpiresAtMs - nowMs),
    graceMs: 0,
    hasFixedLease: true,
    overagePolicy: options.overagePolicyOf(budgetId),
  };
  ledger.reserve(request, id);
}
