import type { Subject } from "@imprest/core";
import type { Shape } from "@imprest/core/internal";
import {
  type ErrorPayload,
  type EvidenceEndpoint,
  type ReservationCreateRequest,
  type ReservationSortKey as WireSortKey,
  commitRequest,
  decisionRequest,
  eventCreateRequest,
  releaseRequest,
  reservationCreateRequest,
  reservationExtendRequest,
} from "@imprest/core/models/cycles";
import type { Attestor } from "../evidence/attestor.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { ReservationSortKey } from "../ledger/list-reservations.ts";
import type { Calling, LedgerReserveRequest } from "../ledger/requests.ts";
import { readSnapshot } from "../ledger/snapshot.ts";
import { readAction } from "./action.ts";
import { readBalanceQuery, readBody, readListQuery, readMetrics, windowOf } from "./read.ts";
import { Refused, refusedAttempt } from "./refused.ts";
import type { WireRequest } from "../http/wire.ts";
import type { Success } from "./success.ts";
import {
  attestedDecision,
  attestedReserve,
  continuation,
  statable,
  writeBalance,
  writeBalances,
  writeCommit,
  writeDecision,
  writeEvaluation,
  writeRelease,
  writeReservation,
  writeReserve,
  writeSummary,
} from "./write.ts";

/** Who calls, and how its subjects are read. */
interface Who extends Calling {
  /** Whether a subject without a tenant is of the caller's. */
  readonly fillsInTenant: boolean;
}

/** One authenticated call. */
export interface Call {
  readonly ledger: Ledger;
  readonly who: Who;
  readonly request: WireRequest;
  readonly query: URLSearchParams;
  /** The path's reservation id, where it has one. */
  readonly reservationId: string;
  /** Where the envelopes of a reservation are found; absent while nothing is signed. */
  readonly evidence: Attestor | undefined;
}

export type Operation = (call: Call) => Success;

/** An operation of which evidence can state the refusals too: they carry what was asked. */
function attestable<Request extends NonNullable<ErrorPayload["request"]>>(
  endpoint: EvidenceEndpoint,
  schema: Shape<Request>,
  perform: (call: Call, request: Request) => Success,
): Operation {
  return (call) => {
    const request = readBody(call.request, schema);
    try {
      return perform(call, request);
    } catch (error) {
      throw refusedAttempt(error, { endpoint, reservation_id: call.reservationId || undefined, request });
    }
  };
}

export const decide: Operation = attestable("POST /v1/decide", decisionRequest, ({ ledger, who }, request) => {
  const { idempotency_key: idempotencyKey, action, subject, estimate, metadata } = request;
  const asked = { ...spender(who, subject), idempotencyKey, action: readAction(action), estimate, metadata };
  const body = writeDecision(ledger.decide(asked));
  return { status: 200, body, payload: { decide: { request, response: attestedDecision(body) } } };
});

export const createReservation: Operation = attestable(
  "POST /v1/reservations",
  reservationCreateRequest,
  ({ ledger, who, evidence }, request) => {
    const reserve = reserveRequest(who, request);
    if (observes(ledger, who.tenant, request)) {
      // Nothing was decided, and evidence has no word for what was only watched.
      return { status: 200, body: writeEvaluation(ledger.observe(reserve)) };
    }
    const answer =
      request.dry_run === true ? writeEvaluation(ledger.dryRun(reserve)) : writeReserve(ledger.reserve(reserve));
    const body = evidence === undefined ? answer : statable(answer);
    return { status: 200, body, payload: { reserve: { request, response: attestedReserve(body) } } };
  },
);

/** The request's own word, else the tenant's; DISABLED is another word for ENFORCE (Cycles v0.1.26 §OBSERVE MODE). */
function observes(ledger: Ledger, tenant: string, { observe_mode: mode }: ReservationCreateRequest): boolean {
  return mode === undefined ? ledger.isObserved(tenant) : mode === "OBSERVE";
}

function reserveRequest(who: Who, body: ReservationCreateRequest): LedgerReserveRequest {
  return {
    ...spender(who, body.subject),
    idempotencyKey: body.idempotency_key,
    action: readAction(body.action),
    estimate: body.estimate,
    ttlMs: body.ttl_ms,
    graceMs: body.grace_period_ms,
    overagePolicy: body.overage_policy,
    metadata: body.metadata,
  };
}

export const commitReservation: Operation = attestable(
  "POST /v1/reservations/{reservation_id}/commit",
  commitRequest,
  ({ ledger, who, reservationId, evidence }, request) => {
    const { idempotency_key: idempotencyKey, actual, metrics, metadata } = request;
    const spend = { actual, metrics: readMetrics(metrics), metadata };
    const answer = writeCommit(ledger.commit({ ...callerOf(who), reservationId, idempotencyKey, ...spend }));
    const response = evidence === undefined ? answer : statable(answer);
    const payload = { commit: { reservation_id: reservationId, request, response } };
    return { status: 200, body: response, payload };
  },
);

export const releaseReservation: Operation = attestable(
  "POST /v1/reservations/{reservation_id}/release",
  releaseRequest,
  ({ ledger, who, reservationId, evidence }, request) => {
    const { idempotency_key: idempotencyKey, reason } = request;
    const answer = writeRelease(ledger.release({ ...callerOf(who), reservationId, idempotencyKey, reason }));
    const response = evidence === undefined ? answer : statable(answer);
    const payload = { release: { reservation_id: reservationId, request, response } };
    return { status: 200, body: response, payload };
  },
);

/** POST /v1/reservations/{reservation_id}/extend */
export function extendReservation({ ledger, who, request, reservationId }: Call): Success {
  const body = readBody(request, reservationExtendRequest);
  const { idempotency_key: idempotencyKey, extend_by_ms: byMs, metadata } = body;
  const extended = ledger.extend({ ...callerOf(who), reservationId, idempotencyKey, byMs, metadata });
  const { expiresAtMs, remainingTtlMs, balances } = extended;
  const lease = { expires_at_ms: expiresAtMs, remaining_ttl_ms: remainingTtlMs };
  return { status: 200, body: { status: "ACTIVE", ...lease, balances: writeBalances(balances) } };
}

/** GET /v1/reservations/{reservation_id} */
export function getReservation({ ledger, who, reservationId, evidence }: Call): Success {
  const reservation = ledger.getReservation(who, reservationId);
  return { status: 200, body: writeReservation(reservation, evidence?.evidenceOf(reservationId)) };
}

const sortKeys: Readonly<Record<WireSortKey, ReservationSortKey>> = {
  reservation_id: "id",
  tenant: "tenant",
  scope_path: "scopePath",
  status: "status",
  reserved: "reserved",
  created_at_ms: "createdAtMs",
  expires_at_ms: "expiresAtMs",
};

/** GET /v1/reservations */
export function listReservations({ ledger, who, query, evidence }: Call): Success {
  const asked = readListQuery(query);
  assertOwnTenant(asked.tenant, who.tenant);
  const { tenant: _validated, workspace, app, workflow, agent, toolset, include = [] } = asked;
  const page = ledger.listReservations({
    ...callerOf(who),
    subject: { workspace, app, workflow, agent, toolset },
    idempotencyKey: asked.idempotency_key,
    status: asked.status,
    created: windowOf(asked.from, asked.to),
    expires: windowOf(asked.expires_from, asked.expires_to),
    finalized: windowOf(asked.finalized_from, asked.finalized_to),
    sortBy: asked.sort_by && sortKeys[asked.sort_by],
    sortDirection: asked.sort_dir,
    withMetadata: include.includes("metadata") || include.includes("committed_metadata"),
    limit: asked.limit,
    cursor: asked.cursor,
  });
  const reservations = page.rows.map((reservation) =>
    writeSummary(reservation, include, evidence?.evidenceOf(reservation.id)),
  );
  return { status: 200, body: { reservations, ...continuation(page.nextCursor) } };
}

/** GET /v1/balances */
export function getBalances({ ledger, who, query }: Call): Success {
  const { limit, cursor, include_children: includeChildren, ...subject } = readBalanceQuery(query);
  assertOwnTenant(subject.tenant, who.tenant);
  const page = ledger.listBalances({ ...callerOf(who), subject, includeChildren, limit, cursor });
  return { status: 200, body: { balances: page.rows.map(writeBalance), ...continuation(page.nextCursor) } };
}

/** POST /v1/events */
export function createEvent({ ledger, who, request }: Call): Success {
  const body = readBody(request, eventCreateRequest);
  const { eventId, unit, charged, capped, scopePaths, snapshot } = ledger.recordEvent({
    ...spender(who, body.subject),
    idempotencyKey: body.idempotency_key,
    action: body.action,
    actual: body.actual,
    overagePolicy: body.overage_policy,
    metrics: readMetrics(body.metrics),
    clientTimeMs: body.client_time_ms,
    metadata: body.metadata,
  });
  const capping = capped ? { charged: { unit, amount: charged } } : {};
  const balances = scopePaths && snapshot !== undefined ? readSnapshot(snapshot, scopePaths, unit) : undefined;
  return {
    status: 201,
    body: { status: "APPLIED", event_id: eventId, ...capping, balances: writeBalances(balances) },
  };
}

function callerOf({ tenant, within }: Who): Calling {
  return { tenant, within };
}

/** Who spends, and for whom. The wire's text counts only the levels that are given (Cycles §SCOPE DERIVATION). */
function spender(who: Who, subject: Subject): Calling & { readonly subject: Subject } {
  const { tenant } = who;
  const isFilledIn = who.fillsInTenant && subject.tenant === undefined;
  return { ...callerOf(who), subject: isFilledIn ? { ...subject, tenant } : subject };
}

/** The query's tenant is validation only (Cycles §listReservations, §getBalances). */
function assertOwnTenant(asked: string | undefined, tenant: string): void {
  if (asked !== undefined && asked !== tenant) {
    throw new Refused("FORBIDDEN", "The query names a tenant that the API key does not act for.");
  }
}
