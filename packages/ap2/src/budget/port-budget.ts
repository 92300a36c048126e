import {
  AuthorityUnreachableError,
  type CallOptions,
  ConfigurationError,
  DeniedError,
  type Environment,
  type Grant,
  type Intent,
  ProtocolError,
  type ReserveRequest,
  type SettlementInstruction,
  type SpendAuthority,
} from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import { AP2GuardDenied } from "../errors.ts";
import { keyIn } from "../idempotency-key.ts";
import type { Attempt } from "../ledger/attempt.ts";
import type { SettlementBase } from "../settlement-bodies.ts";
import { deniedBy, endedBefore, isRefusal, wouldAnswer } from "./denied-by.ts";
import type { PaymentBudget, PaymentBytes, Standing } from "./payment-budget.ts";

/**
 * Any authority of core's port, such as one in this process: the same reserve in the port's own words, under the same keys.
 * A port does not show how a reservation stands, so it is asked by repeating the reserve, and settling again under one key.
 */
export class PortBudget implements PaymentBudget {
  readonly protocol: string;
  readonly target: string;
  readonly environment: Environment;
  readonly extend?: NonNullable<PaymentBudget["extend"]>;
  readonly settle: PaymentBudget["settle"];
  readonly #authority: SpendAuthority;

  constructor(authority: SpendAuthority) {
    this.#authority = authority;
    this.protocol = authority.protocol;
    this.target = authority.target;
    this.environment = authority.environment ?? {};
    if (authority.extend) this.extend = authority.extend.bind(authority);
    this.settle = authority.settle.bind(authority);
  }

  get dedupeHorizonMs(): Readonly<Record<string, number>> | undefined {
    return this.#authority.dedupeHorizonMs;
  }

  async reserve(
    { reserveBody, ignoresCaps }: PaymentBytes,
    _request: ReserveRequest,
    options: CallOptions & { readonly idempotencyKey: string },
  ): Promise<Grant> {
    const grant = await this.#reserve(reserveBody, options);
    const { remainingMs = 1 } = grant.lease ?? {};
    if (remainingMs > 0) return ignoresCaps ? { ...grant, caps: [] } : grant;
    throw endedBefore(grant.id);
  }

  prepare(base: SettlementBase, intent: Intent): SettlementInstruction {
    const request = requestOf(base.reserveBody);
    const grant: Grant = {
      id: base.reservationId,
      decision: "ALLOW",
      reserved: request.estimate,
      caps: [],
      request,
      wire: undefined,
    };
    const idempotencyKey = keyIn(base.scope, intent.kind, base.suffix);
    return this.#authority.prepare(grant, intent, { idempotencyKey, recordedAtMs: base.recordedAtMs });
  }

  async standingOf(
    { reservationId: known, reserveBody }: Attempt,
    { signal, asksLife }: Pick<CallOptions, "signal"> & { readonly asksLife: boolean },
  ): Promise<Standing | undefined> {
    if (known !== undefined && !asksLife) return { status: "open", reservationId: known, isLive: false };
    const { idempotency_key: idempotencyKey } = parseJson(reserveBody) as unknown as {
      readonly idempotency_key: string;
    };
    try {
      const { id, lease } = await this.#reserve(reserveBody, { signal, idempotencyKey });
      // A port that does not say how long a lease runs shows no life.
      const isLive = (lease?.remainingMs ?? 0) > 0;
      if (known === undefined || known === id) return { status: "open", reservationId: id, isLive };
      // The authority has forgotten the key, and made a reservation that nobody asked for.
      return undefined;
    } catch (error) {
      if (signal?.aborted) throw error;
      if (!AP2GuardDenied.isInstance(error)) return undefined;
      return known === undefined
        ? { status: "gone", reservationId: "none" }
        : { status: "open", reservationId: known, isLive: false };
    }
  }

  async probe(body: string, _idempotencyKey: string, options: CallOptions): Promise<unknown> {
    if (this.#authority.decide === undefined) {
      throw new ConfigurationError(
        "dryRun needs an authority that can be asked without reserving, and this one cannot.",
      );
    }
    const { decision, reasonCode, caps } = await this.#authority.decide(requestOf(body), options);
    const named = Object.fromEntries(caps.map(({ name, value }) => [name, value]));
    return wouldAnswer(decision, { reasonCode }, { reasonCode, caps: named, affectedScopes: [] });
  }

  assertUnknown(): Promise<void> {
    return Promise.reject(
      new ConfigurationError("searchAuthority needs a Cycles server, which lists its reservations."),
    );
  }

  async #reserve(reserveBody: string, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    try {
      return await this.#authority.reserve(requestOf(reserveBody), options);
    } catch (error) {
      if (AuthorityUnreachableError.isInstance(error)) throw error;
      if (ProtocolError.isInstance(error) && isRefusal(error)) throw deniedBy(error);
      if (DeniedError.isInstance(error)) throw new AP2GuardDenied(error.message, error, { cause: error });
      throw error;
    }
  }
}

/** A reserve as it is read back from its bytes. */
interface WrittenReserve {
  readonly subject: NonNullable<ReserveRequest["subject"]>;
  readonly action: ReserveRequest["action"];
  readonly estimate: { readonly unit: string; readonly amount: number | bigint };
  readonly ttl_ms: number;
  readonly grace_period_ms?: number;
  readonly overage_policy: string;
  readonly metadata?: NonNullable<ReserveRequest["metadata"]>;
}

/** The reserve's bytes in the words of core's port. */
function requestOf(reserveBody: string): ReserveRequest {
  const written = parseJson(reserveBody) as unknown as WrittenReserve;
  const { subject, action, estimate, ttl_ms, grace_period_ms, overage_policy, metadata } = written;
  return {
    estimate: { unit: estimate.unit, amount: BigInt(estimate.amount) },
    action,
    subject,
    ttlMs: ttl_ms,
    ...(metadata && { metadata }),
    extensions: { cycles: { overage_policy, ...(grace_period_ms !== undefined && { grace_period_ms }) } },
  };
}
