import {
  AbortedError,
  type Attempt,
  type AuthoritySource,
  AuthorityUnreachableError,
  type BudgetBooks,
  type BudgetQuery,
  type CallOptions,
  type CallTerms,
  type Clock,
  ConfigurationError,
  type Environment,
  type Grant,
  type Intent,
  type ReserveRequest,
  ResponseFormatError,
  type Settlement,
  type SettlementInstruction,
  type SpendAuthority,
  ValidationError,
} from "@imprest/core";
import { wholeOption, writeWire } from "@imprest/core/internal";
import {
  aspRuntimeMetadataKeys,
  type ProtoStruct,
  type ReserveRequest as WireReserveRequest,
  releaseRequest,
  reserveRequest,
} from "@imprest/core/models/asp";
import { sealCommit } from "./body-hash.ts";
import type { BypassRecorder } from "./bypass.ts";
import { UnreadableAnswer } from "./connection.ts";
import { AspError, ExpiredBeyondGraceError, OverageRejectedError, isFinal } from "./errors.ts";
import { grantOf, remainingMs, tooShort } from "./grant.ts";
import type { AspIncident } from "./incident.ts";
import { LeaseWatch } from "./lease-watch.ts";
import * as operations from "./operations.ts";
import type { AspClientOptions } from "./options.ts";
import {
  type Budget,
  type RequestDefaults,
  type ResolveBudget,
  budgetOf,
  prepareInstruction,
  toWire,
} from "./request.ts";
import { committed, lateCommit, released, spentOf } from "./settlement.ts";
import { AspVerbs } from "./verbs.ts";

/** What an `AspAuthority` adds to its client. */
export interface AspAuthorityOptions extends Environment {
  /** The budget that calls bind against, or how to find it (ASP §3 stage 1). `extensions.asp` of a request wins. */
  readonly budget?: Budget | ResolveBudget | undefined;
  /** Facts about the caller for the authority's decision; a request's subject is laid over them. */
  readonly identity?: ProtoStruct | undefined;
  /** Keys of a request's metadata that may leave as `runtime_metadata`; those that ASP §5 names when absent. */
  readonly runtimeMetadataKeys?: readonly string[] | undefined;
  /** Names the principal whose unfinished settlements a shared record store keeps apart. */
  readonly principal?: string | undefined;
  /** Whether commits carry `request_body_hash` (ASP §4: recommended); true when absent. */
  readonly requestBodyHash?: boolean | undefined;
  /** Deadline of one settlement, in milliseconds, apart from that of a reserve; 10000 when absent. */
  readonly settleTimeoutMs?: number | undefined;
  /** A grant with less time left is given back, and the call denied; in milliseconds, 1000 when absent. */
  readonly minimumTtlMs?: number | undefined;
  /** How long before the end of a lease `onIncident` is called, in milliseconds; 5000 when absent. */
  readonly warnBeforeTtlMs?: number | undefined;
  /** Is called with what needs somebody: spend without a reservation, a cap exceeded. */
  readonly onIncident?: ((incident: AspIncident) => void) | undefined;
  /** Writes the signed `bypassed` events without which `failOpen` is refused (ASP §3.3). */
  readonly bypass?: BypassRecorder | undefined;
}

/** A configured authority, or a client that has one with the defaults. */
export type AspSource = AuthoritySource<AspAuthority>;

/**
 * An ASP authority as the reservation kernel sees it. ASP has no extension: a lease is as long as it is granted.
 * @example
 * const authority = new AspAuthority(new AspClient({ baseUrl, apiKey }), { budget: { budgetId: "research" } });
 */
export class AspAuthority implements SpendAuthority {
  readonly protocol = "asp";
  readonly durable = true;
  /** Base URL and principal: settlements recorded under one are never replayed under another. */
  readonly target: string;
  readonly environment: Environment & { readonly clock: Clock };
  readonly client: AspVerbs;
  /** Whether `failOpen` leaves a signed trace. */
  readonly recordsBypass: boolean;
  readonly #defaults: RequestDefaults;
  readonly #options: AspAuthorityOptions;
  readonly #settleTimeoutMs: number;
  readonly #minimumTtlMs: number;
  readonly #leases: LeaseWatch;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(client: AspVerbs | AspClientOptions, options: AspAuthorityOptions = {}) {
    this.client = "connection" in client ? client : new AspVerbs(client);
    const { baseUrl, clock } = this.client.connection.options;
    const { records, observer, logger, random, context, retries } = options;
    this.environment = { records, observer, logger, random, context, retries, clock: options.clock ?? clock };
    this.target = options.principal === undefined ? baseUrl : `${baseUrl}#principal=${options.principal}`;
    this.#options = options;
    this.#defaults = {
      budget: options.budget,
      identity: options.identity,
      runtimeMetadataKeys: new Set(options.runtimeMetadataKeys ?? aspRuntimeMetadataKeys),
    };
    this.#settleTimeoutMs = wholeOption("settleTimeoutMs", options.settleTimeoutMs, 10_000, 600_000);
    this.#minimumTtlMs = wholeOption("minimumTtlMs", options.minimumTtlMs, 1_000, 86_400_000);
    const warnBeforeMs = wholeOption("warnBeforeTtlMs", options.warnBeforeTtlMs, 5_000, 86_400_000);
    this.#leases = new LeaseWatch(this.environment.clock, warnBeforeMs, (reservationId, remainingMs) =>
      this.#report({ kind: "expiring", reservationId, spendHappened: false, remainingMs }),
    );
    this.recordsBypass = options.bypass !== undefined;
    options.bypass?.listen(this);
  }

  onNewCredentials(listener: () => void): () => void {
    return this.client.connection.onNewKey(listener);
  }

  /** Fail-open must leave a signed event (ASP §3.3), so it is refused where nobody would write one, whoever calls. */
  checkOptions({ failOpen }: CallTerms): void {
    if (failOpen === undefined || this.recordsBypass) return;
    throw new ConfigurationError("failOpen needs a bypass recorder on the AspAuthority: createBypassRecorder(…).");
  }

  async balance({ subject, unit }: BudgetQuery, options: CallOptions = {}): Promise<BudgetBooks | undefined> {
    const asked: ReserveRequest = { estimate: { unit, amount: 0n }, action: { kind: "budget.query" }, subject };
    const { budgetId, windowInstanceId } = await budgetOf(asked, this.#defaults, options);
    const books = await this.client.queryBudget({ budgetId, windowInstanceId, unit }, options);
    const inUnit = (amount: bigint | undefined) => (amount === undefined ? amount : { unit, amount });
    return {
      limit: inUnit(books.allocatedAtomic),
      spent: inUnit(books.committedSpendAtomic),
      reserved: inUnit(books.reservedHoldAtomic),
      remaining: { unit, amount: books.availableAtomic },
    };
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    const message = await toWire(request, this.#defaults, options);
    const body = JSON.stringify(writeWire(reserveRequest, message, "ASP message"));
    const grant = await this.#granted(request, body, message, options);
    const { lease } = grant;
    if (lease?.remainingMs === undefined) return grant;
    if (lease.remainingMs < this.#minimumTtlMs) {
      this.#giveBack(grant.id, message, "ttl_too_short");
      throw tooShort(grant, lease.remainingMs);
    }
    this.#leases.start(grant.id, lease.remainingMs);
    return grant;
  }

  /**
   * A grant that names its reservation and cannot be used is given back, and is final: a replay would bring it again. An
   * answer that was cut off is not: the kernel asks again under the same key.
   */
  async #granted(
    request: ReserveRequest,
    body: string,
    message: WireReserveRequest,
    options: CallOptions,
  ): Promise<Grant> {
    let held: string | undefined;
    try {
      const answered = await this.client.connection.call(operations.reserve, body, message, options);
      const { answer } = answered;
      held = answer.reservationId;
      return grantOf(request, answer, remainingMs(answered, this.environment.clock.now()));
    } catch (error) {
      held ??= error instanceof UnreadableAnswer ? error.reservationId : undefined;
      if (held === undefined) throw error;
      this.#giveBack(held, message, "grant_malformed");
      if (!ResponseFormatError.isInstance(error)) throw error;
      throw new AuthorityUnreachableError(error.message, message.idempotencyKey, { cause: error });
    }
  }

  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    return prepareInstruction(
      { target: this.target, ...stamp },
      grant,
      intent,
      this.#options.requestBodyHash !== false,
    );
  }

  async settle(instruction: SettlementInstruction, options: CallOptions = {}): Promise<Attempt> {
    const late = instruction.mode === "commit" ? this.#late(instruction) : undefined;
    if (late !== undefined) return { next: late };
    try {
      const settled = await this.#attempt(instruction, { timeoutMs: this.#settleTimeoutMs, ...options });
      this.#leases.stop(instruction.reservationId);
      return { settled };
    } catch (error) {
      if (AbortedError.isInstance(error) && options.signal?.aborted) throw error;
      return this.#attemptAfter(error, instruction);
    }
  }

  /** The late path is the same request: what changes is that its record says so before it is sent (ASP §3.2). */
  #late(instruction: SettlementInstruction): SettlementInstruction | undefined {
    const { reservationId } = instruction;
    const remainingMs = this.#leases.remainingMs(reservationId);
    if (remainingMs === undefined || remainingMs > 0) return undefined;
    const graceWindowMs = this.client.connection.options.metadata?.grace_window_ms;
    const amount = spentOf(instruction);
    this.#report({ kind: "late_commit", reservationId, spendHappened: true, remainingMs, graceWindowMs, amount });
    return { ...instruction, mode: lateCommit, notBeforeMs: 0 };
  }

  async #attempt(instruction: SettlementInstruction, options: CallOptions): Promise<Settlement> {
    const { connection } = this.client;
    switch (instruction.mode) {
      case "commit":
      case lateCommit: {
        const body = await sealCommit(instruction.body);
        const { answer } = await connection.call(operations.commit, body, instruction, options);
        const { chargeAmountAtomic = 0n } = answer;
        const { reservationId } = instruction;
        const amount = { unit: instruction.spent?.unit ?? "", amount: chargeAmountAtomic };
        if (chargeAmountAtomic > 0n) this.#report({ kind: "over_cap", reservationId, spendHappened: true, amount });
        return committed(instruction, answer);
      }
      case "release": {
        const { answer } = await connection.call(operations.release, instruction.body, instruction, options);
        return released(instruction, answer);
      }
      default: {
        const message = `is "${instruction.mode}"; ASP settles by commit or release`;
        throw new ValidationError("settlement", [{ pointer: "/mode", message }]);
      }
    }
  }

  #attemptAfter(error: unknown, instruction: SettlementInstruction): Attempt {
    if (ValidationError.isInstance(error)) return { rejected: error };
    if (!AspError.isInstance(error)) return { retry: error instanceof Error ? error : new Error(String(error)) };
    if (isFinal(error)) {
      this.#leases.stop(instruction.reservationId);
      // Nothing is left to give back: the authority took the capacity back at the TTL (ASP §3.2).
      const isOver = instruction.kind === "release" && ExpiredBeyondGraceError.isInstance(error);
      if (isOver) return { settled: released(instruction, {}) };
      this.#reportRefusal(error, instruction);
      return { rejected: error };
    }
    const { retryAfterMs } = error;
    if (retryAfterMs === undefined) return { retry: error };
    return { retry: error, notBeforeMs: this.environment.clock.now() + retryAfterMs };
  }

  #reportRefusal(error: AspError, instruction: SettlementInstruction): void {
    const { reservationId } = instruction;
    const kind = ExpiredBeyondGraceError.isInstance(error)
      ? "expired_beyond_grace"
      : OverageRejectedError.isInstance(error)
        ? "overage_rejected"
        : undefined;
    if (kind === undefined || instruction.kind !== "commit") return;
    this.#report({ kind, reservationId, spendHappened: true, amount: spentOf(instruction), error });
  }

  #report(incident: AspIncident): void {
    const { kind, reservationId, spendHappened } = incident;
    this.environment.logger?.warn(`asp: ${kind}`, { reservationId, spendHappened });
    void this.#callOnIncident(incident);
  }

  /** What the operator's own code throws must not undo what the authority has done. */
  async #callOnIncident(incident: AspIncident): Promise<void> {
    try {
      // It may be an async function.
      await (this.#options.onIncident?.(incident) as unknown);
    } catch (error) {
      const why = error instanceof Error ? error.message : "unknown";
      this.environment.logger?.error("asp: onIncident failed", { error: why });
    }
  }

  /** Best effort: the TTL of what is not given back frees it anyway. */
  #giveBack(reservationId: string, { idempotencyKey }: WireReserveRequest, reason: string): void {
    const request = { reservationId, idempotencyKey, reasonCodes: [reason] };
    const body = JSON.stringify(writeWire(releaseRequest, request, "ASP message"));
    this.client.connection.call(operations.release, body, request).catch(() => {});
  }
}
