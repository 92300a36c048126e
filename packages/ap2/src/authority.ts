import {
  type Attempt as SettleAttempt,
  ConfigurationError,
  type CallOptions,
  type Environment,
  type EvidenceReference,
  type Grant,
  type Intent,
  type Lease,
  type RecordStore,
  type ReserveRequest,
  type SettlementInstruction,
  type SpendAuthority,
  ResponseFormatError,
  memoryRecordStore,
} from "@imprest/core";
import { authorityOf, isInstructionKey, parseJson } from "@imprest/core/internal";
import {
  type CyclesEvidenceRef,
  type ReservationCreateResponse,
  reservationCreateResponse,
} from "@imprest/core/models/cycles";
import { type CyclesAuthority, CyclesError, type CyclesSource, metadataOf } from "@imprest/cycles";
import type { Operation } from "@imprest/cycles/internal";
import { AP2AlreadyConsumed, AP2GuardDenied } from "./errors.ts";
import { PaymentLedger } from "./ledger/ledger.ts";
import { commitInstruction, releaseInstruction } from "./settlement-bodies.ts";

/** What the kernel's request carries for this authority (`extensions.ap2`). */
export interface PaymentExtension {
  /** The exact bytes of the reserve. */
  readonly reserveBody: string;
  readonly scope: string;
  readonly suffix: string;
  readonly claim: string;
  /** The caller does not look at caps (`compat: "python"`), so the kernel must not refuse them. */
  readonly ignoresCaps: boolean;
}

const createReservation: Operation<ReservationCreateResponse> = {
  name: "createReservation",
  status: 200,
  schema: reservationCreateResponse,
};

/** The name of the claim in a reserve's metadata. */
export const claimName = "ap2_claim";

/**
 * AP2 as a profile of Cycles: the reserve goes out in the guard's own bytes and under its own key, settlements get the
 * keys that follow from the mandate, and everything else is the Cycles authority's. Its requests are those of the payment
 * guard: core's own helpers are refused with a `ConfigurationError`, except `settlementQueue`.
 */
export class PaymentAuthority implements SpendAuthority {
  // The settlements are Cycles settlements to the byte: whoever serves that server can finish them.
  readonly protocol = "cycles";
  readonly durable = true;
  readonly target: string;
  readonly dedupeHorizonMs: Readonly<Record<string, number>>;
  readonly environment: Environment;
  readonly cycles: CyclesAuthority;
  readonly ledger: PaymentLedger;
  readonly #housekeeping = new Set<Promise<void>>();

  constructor(cycles: CyclesAuthority, records: RecordStore) {
    const { clock, random } = cycles.environment;
    this.cycles = cycles;
    this.target = cycles.target;
    this.dedupeHorizonMs = cycles.dedupeHorizonMs;
    // The payment's own record says what is to be settled, so the queue need not write it a second time.
    this.environment = { ...cycles.environment, records: deadLettersOnly(records) };
    this.ledger = new PaymentLedger(records, cycles.target, clock, random);
  }

  /** Keeps a write that nobody waits for, for `idle`. */
  track(write: Promise<void>): void {
    const tracked: Promise<void> = write.finally(() => this.#housekeeping.delete(tracked));
    this.#housekeeping.add(tracked);
  }

  /** Resolves when no write is under way: before the store is closed. */
  async idle(): Promise<void> {
    while (this.#housekeeping.size > 0) await Promise.all(this.#housekeeping);
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    const extension = extensionOf(request);
    const { idempotencyKey } = options;
    const write = { path: "/v1/reservations", body: extension.reserveBody, idempotencyKey };
    try {
      const answer = await this.cycles.client.connection.write(createReservation, write, options);
      await this.#assertAlive(answer, extension, options);
      return grantOf(request, answer, extension);
    } catch (error) {
      if (CyclesError.isInstance(error) && (error.status ?? 0) < 500) throw deniedBy(error);
      throw error;
    }
  }

  extend(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease> {
    return this.cycles.extend(grant, by, options);
  }

  prepare(
    grant: Grant,
    intent: Intent,
    { recordedAtMs }: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    const { scope, suffix, reserveBody } = extensionOf(grant.request);
    const base = { target: this.target, scope, suffix, reserveBody, reservationId: grant.id, recordedAtMs };
    if (intent.kind === "release") return releaseInstruction(base, intent.reason.text);
    return commitInstruction(base, intent.spend.amount.amount, intent.spend.metadata);
  }

  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<SettleAttempt> {
    return this.cycles.settle(instruction, options);
  }

  /**
   * An answer may be the replay of an earlier one, for a reservation that was settled or has expired since: nothing
   * stands behind it then (Cycles §reserve, replay). A server that does not tell what remains is asked.
   */
  async #assertAlive(
    answer: ReservationCreateResponse,
    extension: PaymentExtension,
    options: CallOptions,
  ): Promise<void> {
    const { reservation_id: reservationId, remaining_ttl_ms: remainingMs, decision } = answer;
    if (reservationId === undefined || !isAllowed(decision)) return;
    if (remainingMs === undefined) {
      const { timeoutMs, traceparent } = options;
      const found = await this.cycles.client.getReservation(reservationId, { timeoutMs, traceparent });
      const claim = found.metadata?.[claimName];
      if (found.status === "ACTIVE" && (claim === undefined || claim === extension.claim)) return;
    } else if (remainingMs > 0) {
      return;
    }
    throw new AP2AlreadyConsumed(
      `The authority answered with reservation ${reservationId}, which has ended: the mandate was used before. Nothing was started.`,
      { reasonCode: "RESERVATION_ENDED", reservationId, ...idsOf(answer) },
    );
  }
}

const authorities = new WeakMap<CyclesAuthority, WeakMap<RecordStore, PaymentAuthority>>();
const memories = new WeakMap<CyclesAuthority, RecordStore>();

/**
 * The one payment authority of a client and a store: for its queue (`settlementQueue`), its dead letters, and its ledger.
 * @param records where claims and phases are kept; without it those of the authority's environment, and without either
 * memory, which forgets every consumed mandate when the process ends.
 */
export function paymentAuthority(source: CyclesSource, records?: RecordStore): PaymentAuthority {
  const cycles = authorityOf(source);
  const store = records ?? cycles.environment.records ?? remember(memories, cycles, memoryRecordStore);
  const known = remember(authorities, cycles, () => new WeakMap<RecordStore, PaymentAuthority>());
  return remember(known, store, () => new PaymentAuthority(cycles, store));
}

function remember<Key extends object, Value>(known: WeakMap<Key, Value>, key: Key, create: () => Value): Value {
  const found = known.get(key) ?? create();
  known.set(key, found);
  return found;
}

/** Dead letters go to the durable store, settlements under way only into memory. */
function deadLettersOnly(durable: RecordStore): RecordStore {
  const passing = memoryRecordStore();
  const storeOf = (key: string): RecordStore => (isInstructionKey(key) ? passing : durable);
  return {
    create: (key, value) => storeOf(key).create(key, value),
    read: (key) => storeOf(key).read(key),
    replace: (key, value, version) => storeOf(key).replace(key, value, version),
    delete: (key, version) => storeOf(key).delete(key, version),
    scan: (prefix) => storeOf(prefix).scan(prefix),
  };
}

/** @throws ConfigurationError for a request that no payment made: there are no bytes to send. */
function extensionOf({ extensions }: ReserveRequest): PaymentExtension {
  const extension = extensions?.["ap2"];
  if (extension === undefined) {
    throw new ConfigurationError("A PaymentAuthority reserves for @imprest/ap2 alone; hand core's guard its `cycles`.");
  }
  return extension as unknown as PaymentExtension;
}

export function isAllowed(decision: string): decision is Grant["decision"] {
  return decision === "ALLOW" || decision === "ALLOW_WITH_CAPS";
}

function grantOf(request: ReserveRequest, answer: ReservationCreateResponse, { ignoresCaps }: PaymentExtension): Grant {
  const { decision, reservation_id: id, caps, cycles_evidence: evidence } = answer;
  if (!isAllowed(decision)) throw deniedIn(answer);
  if (id === undefined) {
    throw new ResponseFormatError("createReservation: the answer allows, but holds no reservation_id.");
  }
  const { ttl_ms: ttlMs } = parseJson(extensionOf(request).reserveBody) as { readonly ttl_ms: number };
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
