import type { JsonObject } from "@imprest/core/audit";
import { type ReserveRequest, type ReserveResponse, aspRuntimeMetadataKeys } from "@imprest/core/models/asp";
import type { Caps } from "../ledger/caps.ts";
import type { ReserveOutcome } from "../ledger/outcomes.ts";
import { type AspBooks, ledgerKey } from "./books.ts";
import { scopeOf } from "./budget-scope.ts";
import { digestOf } from "./digest.ts";
import { AspRefusal, denialOf, replayConflict } from "./refusal.ts";

/** Members of `runtime_metadata` that go into an event as they came; anything else may be private (ASP §5). */
const keptMetadata: ReadonlySet<string> = new Set(aspRuntimeMetadataKeys);

/**
 * ASP §3 stage 2. A repeated request has the same answer; the same key with another request conflicts.
 * @throws AspRefusal, or what the ledger refuses and is no denial.
 */
export function reserve(books: AspBooks, tenant: string, request: ReserveRequest): Promise<ReserveResponse> {
  const nowMs = books.reservations.advance();
  const { claim, idempotencyKey, identity, runtimeMetadata } = request;
  if (claim.direction !== "DEBIT") {
    throw new AspRefusal("invalid_argument", "A reserve must be a DEBIT.", "DIRECTION_NOT_SUPPORTED");
  }
  const digest = digestOf([claim, identity, runtimeMetadata]);
  const known = books.memory.recall(tenant, idempotencyKey);
  if (known !== undefined && known.digest !== digest) throw replayConflict();
  if (known !== undefined) return known.answer;
  const answer = decide(books, tenant, request, digest, nowMs);
  books.memory.remember(tenant, idempotencyKey, { digest, answer });
  return answer;
}

function decide(
  books: AspBooks,
  tenant: string,
  request: ReserveRequest,
  digest: string,
  nowMs: number,
): Promise<ReserveResponse> {
  const { ledger, options, log, reservations } = books;
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
    outcome = ledger.reserve({
      tenant,
      idempotencyKey: ledgerKey(idempotencyKey),
      subject,
      action,
      estimate: { unit, amount: amountAtomic },
      ttlMs: options.ttlMs,
      // ASP returns the capacity at the TTL and honours late commits beyond it; the ledger's own grace holds both.
      graceMs: 0,
      hasFixedLease: true,
      overagePolicy: options.overagePolicyOf(budgetId),
    });
  } catch (error) {
    const reason = denialOf(error);
    if (reason === undefined) throw error;
    return deny(books, tenant, common, reason, nowMs);
  }
  if (outcome.reservation === undefined) {
    return deny(books, tenant, common, outcome.denied.reasonCode ?? "policy", nowMs);
  }
  const { id, grantedUntilMs: ttlExpiresAtMs, caps: ledgerCaps, status } = outcome.reservation;
  const caps = capsOf(ledgerCaps);
  const decision = caps === undefined ? "ALLOW" : "ALLOW_WITH_CAPS";
  const ttlExpiresAt = new Date(ttlExpiresAtMs).toISOString();
  if (status !== "ACTIVE" || reservations.get(id) !== undefined) {
    // The ledger remembers the key for longer than the answer is kept here: what was granted, and may be spent since,
    // is neither granted nor recorded again.
    return Promise.resolve({ decision, reservationId: id, ttlExpiresAt, ...(caps !== undefined && { caps }) });
  }
  reservations.add({
    id,
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
  return log.append(tenant, "reserve", data, nowMs).then(({ signature }) => ({
    decision,
    reservationId: id,
    ttlExpiresAt,
    ...(caps !== undefined && { caps }),
    auditEventSignature: signature,
  }));
}

function deny(
  { log }: AspBooks,
  tenant: string,
  common: JsonObject,
  reason: string,
  nowMs: number,
): Promise<ReserveResponse> {
  const reasonCodes = [reason];
  const data = { ...common, decision: "DENY", reason_codes: reasonCodes };
  const signed = log.append(tenant, "reserve", data, nowMs);
  return signed.then(({ signature }) => ({ decision: "DENY", reasonCodes, auditEventSignature: signature }));
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
