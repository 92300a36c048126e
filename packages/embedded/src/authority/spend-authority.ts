import {
  type Amount,
  type Attempt,
  type BudgetBooks,
  type BudgetQuery,
  type CallOptions,
  type Clock,
  type Decision,
  DeniedError,
  type Environment,
  type EvidenceReference,
  type Grant,
  type Intent,
  type Lease,
  ProtocolError,
  type ReserveRequest,
  type SettlementInstruction,
  type SpendAuthority,
  TransportError,
  ValidationError,
  parseTraceparent,
  systemClock,
} from "@imprest/core";
import { randomHex } from "@imprest/core/internal";
import type { Answer, AnswerSigner } from "./answer-signer.ts";
import { acknowledged, assertCallable } from "./acknowledged.ts";
import { detailsOf, statusOf } from "../http/refusal.ts";
import { LedgerUnavailableError } from "../ledger/unavailable.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Evaluation, ReserveOutcome } from "../ledger/outcomes.ts";
import { LedgerRefusal, denials } from "../ledger/refusal.ts";
import { scopeFilterOf } from "../ledger/scope-filter.ts";
import { deriveScopes } from "../ledger/scopes.ts";
import { type Complete, type TenantDefaults, type Terms, capsOf, complete, mergeSubjects } from "./spend-request.ts";
import { performInstruction, prepareInstruction } from "./spend-settlement.ts";

/** For whom an in-process authority speaks. */
export interface SpendAuthorityOptions extends Environment {
  /** The tenant whose budgets are spent. */
  readonly tenant: string;
  /** Levels and dimensions of every request; a request's own win. The tenant is added. */
  readonly subject?: ReserveRequest["subject"];
  /**
   * The scopes that requests may act in, each with all beneath it: scope paths, whose names may be `*`. By default: the scope of
   * `subject`, so that the authority of one agent cannot spend the budget of another; `["tenant:acme"]` is the whole tenant.
   */
  readonly within?: readonly string[] | undefined;
  /** Lifetime of a reservation between extensions, 1,000 to 86,400,000 ms. By default: 60,000. */
  readonly ttlMs?: number | undefined;
  /** Terms of every reservation, in the words of the Cycles wire; `extensions.cycles` of a request wins. */
  readonly terms?: Terms | undefined;
}

/** What an in-process authority stands on. */
export interface SpendAuthorityParts {
  readonly ledger: Ledger;
  /** Signs the answers, when they are to be signed. */
  readonly signer: AnswerSigner | undefined;
}

/** The kernel's port straight onto the ledger: no HTTP, the same outcomes. */
export class LedgerSpendAuthority implements SpendAuthority {
  readonly protocol = "embedded";
  readonly durable = true;
  readonly target: string;
  readonly environment: Environment;
  readonly #ledger: Ledger;
  readonly #signer: AnswerSigner | undefined;
  readonly #defaults: TenantDefaults;
  readonly #clock: Clock;

  constructor({ ledger, signer }: SpendAuthorityParts, options: SpendAuthorityOptions) {
    const { tenant, subject, within, ttlMs = 60_000, terms = {}, ...environment } = options;
    this.#ledger = ledger;
    this.#signer = signer;
    const own = { ...subject, tenant };
    const filter = scopeFilterOf(tenant, within ?? [deriveScopes(own).path]);
    this.#defaults = { tenant, within: filter, subject: own, ttlMs, terms };
    this.target = `embedded#tenant=${tenant}`;
    this.environment = environment;
    this.#clock = environment.clock ?? systemClock;
  }

  /**
   * How long the ledger remembers the key of an event, as things stand: shorter than its retention once this tenant has
   * recorded more events than are remembered. A commit or a release may be of any age: it is remembered with its
   * reservation, and refused once that is forgotten, so that it is never charged twice.
   */
  get dedupeHorizonMs(): { readonly event: number } {
    return { event: this.#ledger.eventsRememberedMs(this.#defaults.tenant) };
  }

  async decide(request: ReserveRequest, options?: CallOptions): Promise<Decision> {
    const completed = complete(request, this.#defaults);
    // No caller repeats a question under a key of its own, so each is asked once.
    const asked = { ...completed, idempotencyKey: crypto.randomUUID() };
    const operation = (): Evaluation => this.#ledger.decide(asked);
    const { outcome, evidence } = await this.#perform(operation, options, (made) => ({
      kind: "decision",
      asked,
      outcome: made,
    }));
    const { decision, caps, reasonCode, retryAfterMs } = outcome;
    return { decision, caps: capsOf(caps), reasonCode, retryAfterMs, ...evidence };
  }

  async balance({ subject, unit }: BudgetQuery, options?: CallOptions): Promise<BudgetBooks | undefined> {
    const { tenant, subject: own } = this.#defaults;
    const asked = { tenant, subject: mergeSubjects(own, subject), unit };
    const { outcome } = await this.#perform(() => this.#ledger.tightestBudget(asked), options);
    if (outcome === undefined) return undefined;
    const { allocated, spent, reserved, remaining } = outcome;
    const inUnit = (amount: bigint): Amount => ({ unit, amount });
    return {
      limit: inUnit(allocated),
      spent: inUnit(spent),
      reserved: inUnit(reserved),
      remaining: inUnit(remaining),
    };
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    const completed = complete(request, this.#defaults);
    const asked = { ...completed, idempotencyKey: options.idempotencyKey };
    const operation = (): ReserveOutcome => this.#ledger.reserve(asked);
    const { outcome, evidence } = await this.#perform(operation, options, (made) => ({
      kind: "reserve",
      asked,
      outcome: made,
    }));
    if (outcome.reservation === undefined) {
      const { reasonCode, retryAfterMs } = outcome.denied;
      const message = `The authority answered DENY because of ${reasonCode}. Nothing was started.`;
      throw new DeniedError(message, { reasonCode, retryAfterMs });
    }
    const { id, unit, reserved, caps, grantedUntilMs } = outcome.reservation;
    return {
      id,
      decision: caps === undefined ? "ALLOW" : "ALLOW_WITH_CAPS",
      reserved: { unit, amount: reserved },
      caps: capsOf(caps),
      lease: { ttlMs: completed.ttlMs, remainingMs: outcome.remainingTtlMs, expiresAt: grantedUntilMs },
      ...evidence,
      request: requestOf(request, completed),
      wire: undefined,
    };
  }

  async extend(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease> {
    const { tenant } = this.#defaults;
    const request = { tenant, reservationId: grant.id, idempotencyKey: by.idempotencyKey, byMs: by.ms };
    const { outcome } = await this.#perform(() => this.#ledger.extend(request), options);
    const { expiresAtMs, remainingTtlMs } = outcome;
    return { ttlMs: grant.lease?.ttlMs ?? by.ms, remainingMs: remainingTtlMs, expiresAt: expiresAtMs };
  }

  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    return prepareInstruction(
      { protocol: this.protocol, target: this.target, ...stamp },
      grant,
      intent,
      this.#defaults,
    );
  }

  async settle(instruction: SettlementInstruction, options: CallOptions = {}): Promise<Attempt> {
    try {
      assertCallable(options, "A settlement");
      const attempt = performInstruction(this.#ledger, this.#defaults.tenant, instruction);
      const answer: Answer | undefined =
        "settled" in attempt ? { kind: "settlement", asked: instruction, outcome: attempt.settled } : undefined;
      const evidence = await acknowledged(this.#acknowledge(options, answer), options, this.#clock, "A settlement");
      return evidence !== undefined && "settled" in attempt
        ? { settled: { ...attempt.settled, ...evidence } }
        : attempt;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      const cause = translate(error);
      // A refusal stays one; a ledger without a sound store may be reopened over the same file.
      const isOpen = TransportError.isInstance(cause) || (ProtocolError.isInstance(cause) && cause.retryable);
      return isOpen ? { retry: cause } : { rejected: cause };
    }
  }

  /** Performs at once and waits until it can be acknowledged. */
  async #perform<Outcome>(
    operation: () => Outcome,
    options: CallOptions = {},
    answerOf?: (outcome: Outcome) => Answer,
  ): Promise<{ readonly outcome: Outcome; readonly evidence: Evidenced | undefined }> {
    const what = "A call to the authority";
    assertCallable(options, what);
    try {
      const outcome = operation();
      const pending = this.#acknowledge(options, answerOf?.(outcome));
      return { outcome, evidence: await acknowledged(pending, options, this.#clock, what) };
    } catch (error) {
      if (error instanceof LedgerRefusal && denials.has(error.reason)) {
        const message = `${error.message} Nothing was started.`;
        throw new DeniedError(message, { reasonCode: error.reason }, { cause: error });
      }
      throw translate(error);
    }
  }

  /** Waits until what was done is durable, and signed where it is to be signed. */
  async #acknowledge(options: CallOptions, answer: Answer | undefined): Promise<Evidenced | undefined> {
    if (this.#signer === undefined || answer === undefined) return this.#ledger.durable();
    const traceId = parseTraceparent(options.traceparent ?? "")?.traceId ?? randomHex(16);
    const evidence = await this.#signer.sign(answer, { tenant: this.#defaults.tenant, traceId });
    await this.#ledger.durable();
    return evidence && { evidence };
  }
}

/** The member of an answer that refers to its evidence. */
interface Evidenced {
  readonly evidence: EvidenceReference;
}

/** The request as it was granted, with what the configuration added. */
function requestOf(request: ReserveRequest, { subject, ttlMs }: Complete): Grant["request"] {
  return { ...request, subject, ttlMs };
}

/** The ledger's errors in the words of the kernel. */
function translate(error: unknown): Error {
  if (error instanceof LedgerUnavailableError) {
    const fields = { protocol: "embedded", status: 500, errorCode: "INTERNAL_ERROR", retryable: true };
    return new ProtocolError(error.message, fields, { cause: error });
  }
  if (!(error instanceof LedgerRefusal)) return error instanceof Error ? error : new Error(String(error));
  if (error.reason === "INVALID_REQUEST") {
    return new ValidationError("request", [{ pointer: "", message: error.message }], { cause: error });
  }
  const { reason: errorCode, hints } = error;
  const details = hints && detailsOf(hints);
  const fields = { protocol: "embedded", errorCode, status: statusOf(errorCode), details };
  return new ProtocolError(error.message, fields, { cause: error });
}
