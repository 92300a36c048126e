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
import type { SettlementBase } from "../settlement-bodies.ts";
import { deniedBy, endedBefore, isRefusal, wouldAnswer } from "./denied-by.ts";
import type { PaymentBudget, PaymentBytes } from "./payment-budget.ts";

/**
 * Any authority of core's port, such as one in this process: the same reserve in the port's own words, under the same keys.
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
    const grant = await reserveThrough(this.#authority, reserveBody, options);
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
    const prepared = this.#authority.prepare(grant, intent, { idempotencyKey, recordedAtMs: base.recordedAtMs });
    if (intent.kind !== "commit") return prepared;
    const { unit, amount } = intent.spend.amount;
    return { ...prepared, spent: { unit, amount: amount.toString() } };
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
}

/** The reserve of these bytes. @throws AP2GuardDenied for a No. */
export async function reserveThrough(
  authority: SpendAuthority,
  reserveBody: string,
  options: CallOptions & { readonly idempotencyKey: string },
): Promise<Grant> {
  try {
    return await authority.reserve(requestOf(reserveBody), options);
  } catch (error) {
    if (AuthorityUnreachableError.isInstance(error)) throw error;
    if (ProtocolError.isInstance(error) && isRefusal(error)) throw deniedBy(error);
    if (DeniedError.isInstance(error)) throw new AP2GuardDenied(error.message, error, { cause: error });
    throw error;
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
