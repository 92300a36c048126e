import {
  AbortedError,
  type Attempt,
  type AuthoritySource,
  type BudgetBooks,
  type BudgetQuery,
  type CallOptions,
  type Cap,
  type Clock,
  type Decision,
  DeniedError,
  type Environment,
  type Grant,
  type Intent,
  type Lease,
  type ReserveRequest,
  type SettlementInstruction,
  type SpendAuthority,
  ValidationError,
} from "@imprest/core";
import { refuseUnknownOptions, wholeOption } from "@imprest/core/internal";
import type {
  Balance,
  BalanceQuery,
  Caps,
  DecisionResponse,
  ReservationCreateResponse,
} from "@imprest/core/models/cycles";
import { subjectLevels } from "@imprest/core/models/cycles";
import { CyclesOperations, type DryRunResponse } from "./client-operations.ts";
import { malformed, reservationPath } from "./connection.ts";
import { CyclesError, isDenial, isExpired, isFinal } from "./errors.ts";
import * as operations from "./operations.ts";
import type { CyclesClientOptions } from "./options.ts";
import {
  type CompleteRequest,
  type CyclesTerms,
  type RequestDefaults,
  checkDefaults,
  complete,
  mergeSubjects,
  toWire,
} from "./request.ts";
import { findBalance, scopesOf } from "./scopes.ts";
import {
  asEvent,
  committed,
  evidenceReference,
  expired,
  idsOf,
  prepareInstruction,
  recorded,
  released,
} from "./settlement.ts";
import { targetOf } from "./target.ts";

/** What a `CyclesAuthority` adds to its client. */
export interface CyclesAuthorityOptions extends Environment {
  /** Terms of every reservation; `extensions.cycles` of a request wins. */
  readonly terms?: CyclesTerms | undefined;
  /** Lifetime of a reservation between extensions, 1000 to 86400000 ms; 60,000 when absent; Cycles §TTL asks for 10 to 30 s, and docs/decisions.md says why this is longer. */
  readonly ttlMs?: number | undefined;
  /**
   * How long the authority remembers idempotency keys, in milliseconds; where it is not said, as long as the reference
   * server: `commit` and `release` 30 days, `event` 7 days. The specification leaves it open. A settlement that is
   * older waits for an operator: an event sent again later would be charged twice, so never say more than is true.
   */
  readonly dedupeHorizonMs?: DedupeHorizon | undefined;
}

/** Milliseconds for which an idempotency key is remembered, by the operation that it went with. */
export interface DedupeHorizon {
  readonly commit?: number | undefined;
  readonly release?: number | undefined;
  /** The late path: what was spent beyond the lease. */
  readonly event?: number | undefined;
}

const dayMs = 86_400_000;

/** commit.lua and event.lua of the reference server. */
const referenceHorizon = { commit: 30 * dayMs, release: 30 * dayMs, event: 7 * dayMs };

/** A configured authority, or a client that has one with the defaults. */
export type CyclesSource = AuthoritySource<CyclesAuthority>;

/**
 * A Cycles authority as the reservation kernel sees it.
 * @example
 * const client = new CyclesClient({ baseUrl, apiKey, subject: { tenant: "acme" } });
 * const authority = new CyclesAuthority(client, { terms: { overage_policy: "REJECT" } });
 */
export class CyclesAuthority implements SpendAuthority {
  readonly protocol = "cycles";
  readonly durable = true;
  readonly dedupeHorizonMs: Readonly<Record<string, number>>;
  /** Base URL and tenant: settlements recorded under one are never replayed under another. */
  readonly target: string;
  readonly environment: Environment & { readonly clock: Clock };
  readonly client: CyclesOperations;
  readonly #defaults: RequestDefaults;

  /** @throws ConfigurationError or ValidationError naming the option that cannot be used. */
  constructor(client: CyclesOperations | CyclesClientOptions, options: CyclesAuthorityOptions = {}) {
    const { terms = {}, ttlMs = 60_000, dedupeHorizonMs, ...environment } = options;
    this.client = "connection" in client ? client : new CyclesOperations(client);
    const { baseUrl, subject, clock } = this.client.connection.options;
    this.environment = { ...environment, clock: environment.clock ?? clock };
    this.target = targetOf(baseUrl, subject?.tenant);
    this.dedupeHorizonMs = checkHorizon(dedupeHorizonMs);
    this.#defaults = { subject, ...checkDefaults(ttlMs, terms) };
  }

  onNewCredentials(listener: () => void): () => void {
    return this.client.connection.onNewKey(listener);
  }

  async decide(request: ReserveRequest, options?: CallOptions): Promise<Decision> {
    const { subject, action, estimate, metadata } = toWire(complete(request, this.#defaults), this.#defaults);
    return decisionOf(await this.client.decide({ subject, action, estimate, metadata }, options));
  }

  /** What a reserve would be answered, by the reserve's own rules (Cycles §dry_run). Nothing is set aside. */
  async dryRun(request: ReserveRequest, options?: CallOptions): Promise<Decision> {
    const completed = complete(request, this.#defaults);
    return decisionOf(await this.client.dryRun(toWire(completed, this.#defaults), options));
  }

  async balance({ subject, unit }: BudgetQuery, options?: CallOptions): Promise<BudgetBooks | undefined> {
    const named = mergeSubjects(this.#defaults.subject, subject);
    let tightest: Balance | undefined;
    let query: BalanceQuery = {};
    for (const level of subjectLevels) {
      if (named[level] === undefined) continue;
      query = { ...query, [level]: named[level] };
      const { balances } = await this.client.getBalances(query, options).first();
      const scope = scopesOf(query).at(-1) ?? "";
      const found = findBalance(balances, scope, unit);
      if (found !== undefined && (tightest === undefined || found.remaining.amount < tightest.remaining.amount)) {
        tightest = found;
      }
    }
    if (tightest === undefined) return undefined;
    const { allocated: limit, spent, reserved, remaining } = tightest;
    return { limit, spent, reserved, remaining };
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    const completed = complete(request, this.#defaults);
    try {
      const answer = await this.client.createReservation(toWire(completed, this.#defaults), options);
      return grantOf(completed, answer);
    } catch (error) {
      if (CyclesError.isInstance(error) && isDenial(error)) throw deniedBy(error);
      throw error;
    }
  }

  async extend(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease> {
    const request = { extend_by_ms: by.ms, idempotency_key: by.idempotencyKey };
    const answer = await this.client.extendReservation(grant.id, request, options);
    return leaseOf(grant.lease?.ttlMs ?? by.ms, answer);
  }

  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    return prepareInstruction({ target: this.target, ...stamp }, grant, intent, this.#defaults);
  }

  async settle(instruction: SettlementInstruction, options?: CallOptions): Promise<Attempt> {
    try {
      return await this.#attempt(instruction, options);
    } catch (error) {
      if (AbortedError.isInstance(error) && options?.signal?.aborted) throw error;
      return this.#attemptAfter(error, instruction);
    }
  }

  async #attempt(instruction: SettlementInstruction, options: CallOptions | undefined): Promise<Attempt> {
    const { mode, body, idempotencyKey, reservationId } = instruction;
    const { connection } = this.client;
    const path = mode === "event" ? "/v1/events" : reservationPath(reservationId, `/${mode}`);
    const write = { path, body, idempotencyKey };
    switch (mode) {
      case "commit":
        return {
          settled: committed(instruction, await connection.write(operations.commitReservation, write, options)),
        };
      case "release":
        return {
          settled: released(instruction, await connection.write(operations.releaseReservation, write, options)),
        };
      case "event":
        return { settled: recorded(instruction, await connection.write(operations.createEvent, write, options)) };
      default: {
        const message = `is "${mode}"; Cycles settles by commit, release or event`;
        return { rejected: new ValidationError("settlement", [{ pointer: "/mode", message }]) };
      }
    }
  }

  /** Client recovery profile §"After the actual is known": only an understood refusal ends the attempts. */
  #attemptAfter(error: unknown, instruction: SettlementInstruction): Attempt {
    if (ValidationError.isInstance(error)) return { rejected: error };
    if (!CyclesError.isInstance(error)) return { retry: error instanceof Error ? error : new Error(String(error)) };
    if (isExpired(error)) {
      const { mode, fallback } = instruction;
      if (mode === "release") return { settled: expired(instruction, error) };
      if (mode === "commit" && fallback !== undefined) return { next: asEvent({ ...instruction, fallback }) };
    }
    if (isFinal(error)) return { rejected: error };
    const { retryAfterMs } = error;
    if (retryAfterMs === undefined) return { retry: error };
    return { retry: error, notBeforeMs: this.environment.clock.now() + retryAfterMs };
  }
}

/** @throws ConfigurationError naming the member that cannot be used. */
function checkHorizon(horizon: DedupeHorizon = {}): Readonly<Record<string, number>> {
  refuseUnknownOptions(horizon, new Set(Object.keys(referenceHorizon)));
  const read = (mode: keyof DedupeHorizon): number =>
    wholeOption(`dedupeHorizonMs.${mode}`, horizon[mode], referenceHorizon[mode], Number.MAX_SAFE_INTEGER);
  return { commit: read("commit"), release: read("release"), event: read("event") };
}

function decisionOf(answer: DecisionResponse | DryRunResponse): Decision {
  return {
    decision: answer.decision,
    caps: capsOf(answer.caps),
    reasonCode: answer.reason_code,
    retryAfterMs: answer.retry_after_ms,
    evidence: answer.cycles_evidence && evidenceReference(answer.cycles_evidence),
    ...idsOf(answer),
  };
}

function grantOf(request: CompleteRequest, answer: ReservationCreateResponse): Grant {
  const { decision, reservation_id: id, caps } = answer;
  if (!isAllowed(decision) || id === undefined) throw deniedIn(answer);
  if (decision === "ALLOW_WITH_CAPS" && caps === undefined) {
    throw malformed(operations.createReservation, 200, "it allows with caps, but holds none");
  }
  return {
    id,
    decision,
    reserved: answer.reserved ?? request.estimate,
    caps: capsOf(caps),
    lease: leaseOf(request.ttlMs, answer),
    evidence: answer.cycles_evidence && evidenceReference(answer.cycles_evidence),
    ...idsOf(answer),
    request,
    wire: answer,
  };
}

function isAllowed(decision: string): decision is Grant["decision"] {
  return decision === "ALLOW" || decision === "ALLOW_WITH_CAPS";
}

/** A 200 that says DENY, or a word this version does not know: that is no leave to spend (Cycles §DecisionReasonCode). */
function deniedIn(answer: ReservationCreateResponse): DeniedError {
  const { decision, reason_code: reasonCode, retry_after_ms: retryAfterMs } = answer;
  const why = reasonCode === undefined ? "" : ` because of ${reasonCode}`;
  const known = decision === "DENY" ? "" : "; this version does not know that word, so it counts as DENY";
  return new DeniedError(`The authority answered ${decision}${why}${known}. Nothing was started.`, {
    decision,
    reasonCode,
    retryAfterMs,
    caps: capsOf(answer.caps),
    ...idsOf(answer),
  });
}

function deniedBy(cause: CyclesError): DeniedError {
  const { errorCode: reasonCode, retryAfterMs, requestId, traceId } = cause;
  const fields = { reasonCode, retryAfterMs, requestId, traceId };
  return new DeniedError(`${cause.message} Nothing was started.`, fields, { cause });
}

/** Each member of the wire's caps is a cap of its own, unknown ones included: the caller must honour all or none. */
function capsOf(caps: Caps | undefined): Cap[] {
  return Object.entries(caps ?? {}).map(([name, value]) => ({ name, value }));
}

function leaseOf(
  ttlMs: number,
  answer: { readonly expires_at_ms?: number | undefined; readonly remaining_ttl_ms?: number | undefined },
): Lease {
  return { ttlMs, remainingMs: answer.remaining_ttl_ms, expiresAt: answer.expires_at_ms };
}
