import {
  type Attempt,
  type CallOptions,
  type Decision,
  DeniedError,
  type Environment,
  type Grant,
  type Intent,
  type Lease,
  ProtocolError,
  type ReserveRequest,
  type Settling,
  type SpendAuthority,
  ValidationError,
  abortedError,
  raceAbort,
} from "@imprest/core";
import { codeOf, statusOf } from "./cycles/refused.ts";
import { LedgerUnavailableError } from "./ledger/unavailable.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { LedgerRefusal } from "./ledger/refusal.ts";
import { type Complete, type Terms, type TenantDefaults, capsOf, complete } from "./spend-request.ts";
import { performSettling, prepareSettling } from "./spend-settlement.ts";

/** For whom an in-process authority speaks. */
export interface SpendAuthorityOptions extends Environment {
  /** The tenant whose budgets are spent. */
  readonly tenant: string;
  /** Levels and dimensions of every request; a request's own win. The tenant is added. */
  readonly subject?: ReserveRequest["subject"];
  /** Lifetime of a reservation between extensions, 1,000 to 86,400,000 ms. Default: 30,000. */
  readonly ttlMs?: number | undefined;
  /** Terms of every reservation, in the words of the Cycles wire; `extensions.cycles` of a request wins. */
  readonly terms?: Terms | undefined;
}

/** Refusals that are the authority's No to a reserve, rather than a fault of the request. */
const denials: ReadonlySet<string> = new Set([
  "BUDGET_EXCEEDED",
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "OVERDRAFT_LIMIT_EXCEEDED",
  "DEBT_OUTSTANDING",
  "TENANT_CLOSED",
]);

/** The kernel's port straight onto the ledger: no HTTP, the same outcomes. */
export class LedgerSpendAuthority implements SpendAuthority {
  readonly protocol = "embedded";
  readonly durable = true;
  readonly target: string;
  readonly environment: Environment;
  readonly dedupeHorizonMs: Readonly<Record<string, number>>;
  readonly #ledger: Ledger;
  readonly #defaults: TenantDefaults;

  /** @param rememberedMs how long the ledger remembers what is over. */
  constructor(ledger: Ledger, rememberedMs: number, options: SpendAuthorityOptions) {
    const { tenant, subject, ttlMs = 30_000, terms = {}, ...environment } = options;
    this.#ledger = ledger;
    this.#defaults = { tenant, subject: { ...subject, tenant }, ttlMs, terms };
    this.target = `embedded#tenant=${tenant}`;
    this.environment = environment;
    this.dedupeHorizonMs = { commit: rememberedMs, release: rememberedMs, event: rememberedMs };
  }

  async decide(request: ReserveRequest, options?: CallOptions): Promise<Decision> {
    const completed = complete(request, this.#defaults);
    // No caller repeats a question under a key of its own, so each is asked once.
    const asked = { ...completed, idempotencyKey: crypto.randomUUID() };
    const { decision, caps, reasonCode, retryAfterMs } = await this.#perform(() => this.#ledger.decide(asked), options);
    return { decision, caps: capsOf(caps), reasonCode, retryAfterMs };
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    const completed = complete(request, this.#defaults);
    const asked = { ...completed, idempotencyKey: options.idempotencyKey };
    const outcome = await this.#perform(() => this.#ledger.reserve(asked), options);
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
    const { expiresAtMs, remainingTtlMs } = await this.#perform(() => this.#ledger.extend(request), options);
    return { ttlMs: grant.lease?.ttlMs ?? by.ms, remainingMs: remainingTtlMs, expiresAt: expiresAtMs };
  }

  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): Settling {
    return prepareSettling({ protocol: this.protocol, target: this.target, ...stamp }, grant, intent, this.#defaults);
  }

  async settle(settling: Settling, options?: CallOptions): Promise<Attempt> {
    if (options?.signal?.aborted) throw abortedError(options.signal, "A settlement");
    try {
      const attempt = performSettling(this.#ledger, this.#defaults.tenant, settling);
      await raceAbort(this.#ledger.durable(), options?.signal, "A settlement");
      return attempt;
    } catch (error) {
      if (options?.signal?.aborted) throw error;
      const cause = translate(error);
      // A refusal stays one; a ledger without a sound store may be reopened over the same file.
      return cause instanceof ProtocolError && cause.retryable ? { retry: cause } : { rejected: cause };
    }
  }

  /** Performs at once and waits until it can be acknowledged. */
  async #perform<Outcome>(operation: () => Outcome, options: CallOptions | undefined): Promise<Outcome> {
    const signal = options?.signal;
    if (signal?.aborted) throw abortedError(signal, "A call to the authority");
    try {
      const outcome = operation();
      await raceAbort(this.#ledger.durable(), signal, "A call to the authority");
      return outcome;
    } catch (error) {
      if (error instanceof LedgerRefusal && denials.has(error.reason)) {
        const message = `${error.message} Nothing was started.`;
        throw new DeniedError(message, { reasonCode: error.reason }, { cause: error });
      }
      throw translate(error);
    }
  }
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
  const errorCode = codeOf(error.reason);
  const fields = { protocol: "embedded", errorCode, status: statusOf(errorCode), details: error.hints };
  return new ProtocolError(error.message, fields, { cause: error });
}
