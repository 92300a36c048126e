import {
  type Amount,
  type Attempt,
  type CallOptions,
  type Decision,
  DeniedError,
  type Environment,
  type Grant,
  type Intent,
  ProtocolError,
  type ReserveRequest,
  type Settlement,
  SettlementError,
  type SettlementInstruction,
  type SpendAuthority,
  Unit,
  ValidationError,
} from "@imprest/core";
import { assertAmount, divideRoundingUp, raceAbort, abortedError } from "@imprest/core/internal";
import { Capability, isCapability } from "./lease/capability.ts";
import { formatMoney, moneyScale } from "./lease/money.ts";

/** What a lease authority needs of a job, on the agent's side. */
export interface LeaseBooks {
  readonly jobId: string;
  /** False once the job has ended: nothing can be reported any more. */
  readonly isOpen: boolean;
  readonly environment?: Environment | undefined;
  /** Expiry and exhaustion only. @throws ProtocolError LEASE_EXPIRED or BUDGET_EXHAUSTED. */
  authorizeSpend(): void;
  /** Those, and the pattern. @throws ProtocolError as `authorizeSpend`, or PERMISSION_DENIED. */
  authorize(capability: string, target: string): void;
  /** Sets money aside, in 10^-12 of the currency. @returns false when so much is not left, or there is no ceiling. */
  hold(currency: string, units: bigint): boolean;
  /** Gives back what `hold` took. */
  unhold(currency: string, units: bigint): void;
  /** Reports a cost. `value` is a plain decimal. @throws ProtocolError INVALID_REQUEST when it is refused. */
  metric(metric: { readonly name: string; readonly value: string; readonly unit: string }): Promise<void>;
}

/** Which currency of the lease an amount's unit stands for, and how many decimal places of it one unit is. */
export interface LeaseCurrency {
  readonly currency: string;
  readonly scale: number;
}

/** Which lease a `LeaseAuthority` reserves within. */
export interface LeaseAuthorityOptions {
  /**
   * Currencies by unit. `USD_MICROCENTS` is `USD` with eight decimal places, `CREDITS` is `credits`, `TOKENS` is
   * `tokens`; any other unit is the currency of its own name, in whole units.
   */
  readonly currencies?: Readonly<Record<string, LeaseCurrency>> | undefined;
  /** The name of the metric that a commit reports; `cost.inference`, `cost.tool` or `cost.other` by default. */
  readonly metricName?: ((request: ReserveRequest) => string) | undefined;
}

const knownCurrencies: Readonly<Record<string, LeaseCurrency>> = {
  [Unit.usdMicrocents]: { currency: "USD", scale: 8 },
  [Unit.credits]: { currency: "credits", scale: 0 },
  [Unit.tokens]: { currency: "tokens", scale: 0 },
};

/** Money in the lease's own terms. */
interface LeaseMoney {
  readonly currency: string;
  /** 10^-12 of it. */
  readonly units: bigint;
}

/** A reservation, and the one attempt to settle it. */
interface Hold {
  readonly grant: Grant;
  readonly money: LeaseMoney;
  settledBy?: string;
  attempt?: Promise<Attempt>;
}

/** Settled reservations that are remembered, to recognise a second settlement. */
const rememberedHolds = 1024;

/** What a settling body says. */
interface InstructionBody {
  readonly metric?: { readonly name: string; readonly value: string; readonly unit: string };
  readonly amount?: string;
  readonly basis?: "actual" | "estimate";
}

/**
 * The budget of an ARCP job as a spend authority, on the agent's side: `guard` wraps a call inside a job as it does
 * anywhere else. Reserving asks the lease and sets the estimate aside; committing reports the `cost.*` metric (ARCP
 * §9.6). Metrics are not acknowledged, so it is not durable; what is held ends with the job.
 */
export class LeaseAuthority implements SpendAuthority {
  readonly protocol = "arcp";
  readonly durable = false;
  readonly target: string;
  readonly environment: Environment | undefined;
  readonly #books: LeaseBooks;
  readonly #currencies: Readonly<Record<string, LeaseCurrency>>;
  readonly #metricName: (request: ReserveRequest) => string;
  readonly #holds = new Map<string, Hold>();

  constructor(books: LeaseBooks, options: LeaseAuthorityOptions = {}) {
    this.#books = books;
    this.target = books.jobId;
    this.environment = books.environment;
    this.#currencies = { ...knownCurrencies, ...options.currencies };
    this.#metricName = options.metricName ?? defaultMetricName;
  }

  /** What `reserve` would say, without holding anything. */
  async decide(request: ReserveRequest): Promise<Decision> {
    try {
      const money = this.#admit(request);
      this.#books.unhold(money.currency, money.units);
      return { decision: "ALLOW", caps: [] };
    } catch (error) {
      if (!DeniedError.isInstance(error)) throw error;
      return { decision: "DENY", caps: [], reasonCode: error.reasonCode };
    }
  }

  /**
   * Checks expiry, the model or tool pattern, and what is left less what is held.
   * @throws DeniedError with the ARCP code as its reason; ValidationError for an estimate that is no amount.
   */
  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    if (options.signal?.aborted) throw abortedError(options.signal, "The reservation");
    const id = `${this.#books.jobId}/${options.idempotencyKey}`;
    const known = this.#holds.get(id);
    if (known !== undefined) return known.grant;
    const money = this.#admit(request);
    const { estimate: reserved } = request;
    const wire = { job_id: this.#books.jobId, currency: money.currency, held: formatMoney(money.units) };
    const grant: Grant = { id, decision: "ALLOW", reserved, caps: [], request, wire };
    this.#holds.set(id, { grant, money });
    return grant;
  }

  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    const frozen = {
      protocol: this.protocol,
      target: this.target,
      reservationId: grant.id,
      idempotencyKey: stamp.idempotencyKey,
      kind: intent.kind,
      recordedAtMs: stamp.recordedAtMs,
      notBeforeMs: 0,
    };
    if (intent.kind === "release") return { ...frozen, mode: "release", body: "{}" };
    const { amount, basis } = intent.spend;
    const { currency, units } = this.#money(amount);
    const metric = { name: this.#metricName(grant.request), value: formatMoney(units), unit: currency };
    const body: InstructionBody = { metric, amount: amount.amount.toString(), basis };
    return { ...frozen, mode: "metric", body: JSON.stringify(body) };
  }

  /** A second settlement under the same key has the first one's outcome; under another it is refused. */
  async settle(instruction: SettlementInstruction, options: CallOptions = {}): Promise<Attempt> {
    if (options.signal?.aborted) throw abortedError(options.signal, "The settlement");
    const hold = this.#holds.get(instruction.reservationId);
    if (hold === undefined) return reject(instruction, "The reservation is not one of this job's.");
    hold.settledBy ??= instruction.idempotencyKey;
    if (hold.settledBy !== instruction.idempotencyKey)
      return reject(instruction, "The reservation was settled before.");
    hold.attempt ??= this.#settleOnce(instruction, hold);
    return raceAbort(hold.attempt, options.signal, "The settlement");
  }

  async #settleOnce(instruction: SettlementInstruction, { grant, money }: Hold): Promise<Attempt> {
    const body = JSON.parse(instruction.body) as InstructionBody;
    if (body.metric !== undefined && !this.#books.isOpen) {
      return reject(instruction, "The job has ended; its cost can no longer be reported.");
    }
    this.#books.unhold(money.currency, money.units);
    try {
      if (body.metric !== undefined) await this.#books.metric(body.metric);
    } catch (error) {
      return reject(instruction, "The job refused the metric of what was spent.", error);
    }
    this.#forgetOldest();
    return { settled: settlementOf(instruction, grant.reserved, body) };
  }

  #forgetOldest(): void {
    if (this.#holds.size <= rememberedHolds) return;
    for (const [id, { settledBy }] of this.#holds) {
      if (settledBy === undefined) continue;
      this.#holds.delete(id);
      return;
    }
  }

  /** Asks the lease, and holds the estimate. @throws DeniedError. */
  #admit(request: ReserveRequest): LeaseMoney {
    assertAmount(request.estimate, "estimate");
    const money = this.#money(request.estimate);
    if (!this.#books.isOpen)
      throw new DeniedError("The job has ended; nothing can be spent.", { reasonCode: "CANCELLED" });
    try {
      const checked = checkedCapability(request);
      if (checked === undefined) this.#books.authorizeSpend();
      else this.#books.authorize(checked.capability, checked.target);
    } catch (error) {
      if (!ProtocolError.isInstance(error)) throw error;
      throw new DeniedError(error.message, { reasonCode: error.errorCode }, { cause: error });
    }
    if (this.#books.hold(money.currency, money.units)) return money;
    const message = `The lease has not ${formatMoney(money.units)} ${money.currency} left; lower the estimate.`;
    throw new DeniedError(message, { reasonCode: "BUDGET_EXHAUSTED" });
  }

  #money({ unit, amount }: Amount): LeaseMoney {
    if (amount < 0n) {
      throw new ValidationError("amount", [{ pointer: "/amount", message: "is negative; a cost is not given back" }]);
    }
    const { currency, scale } = this.#currencies[unit] ?? { currency: unit, scale: 0 };
    const units =
      scale <= moneyScale
        ? amount * 10n ** BigInt(moneyScale - scale)
        : divideRoundingUp(amount, 10n ** BigInt(scale - moneyScale));
    return { currency, units };
  }
}

function reject(instruction: SettlementInstruction, message: string, cause?: unknown): Attempt {
  const { reservationId, idempotencyKey } = instruction;
  const fields = { spendHappened: instruction.kind === "commit", reservationId, idempotencyKey };
  return { rejected: new SettlementError(message, fields, cause === undefined ? {} : { cause }) };
}

function settlementOf(instruction: SettlementInstruction, reserved: Amount, body: InstructionBody): Settlement {
  const { reservationId, idempotencyKey } = instruction;
  if (body.amount === undefined) return { status: "released", reservationId, idempotencyKey, refunded: reserved };
  const charged: Amount = { unit: reserved.unit, amount: BigInt(body.amount) };
  const rest = reserved.amount - charged.amount;
  const refunded: Amount = { unit: reserved.unit, amount: rest > 0n ? rest : 0n };
  return { status: "committed", reservationId, idempotencyKey, charged, refunded, basis: body.basis };
}

/** The capability that an action needs: a model's, a tool's, the one it names, or none in particular. */
function checkedCapability({
  action,
}: ReserveRequest): { readonly capability: string; readonly target: string } | undefined {
  const target = action.name ?? "";
  if (/^(?:llm|model)(?:\.|$)/.test(action.kind)) return { capability: Capability.modelUse, target };
  if (/^tool(?:\.|$)/.test(action.kind)) return { capability: Capability.toolCall, target };
  return isCapability(action.kind) ? { capability: action.kind, target } : undefined;
}

function defaultMetricName(request: ReserveRequest): string {
  const capability = checkedCapability(request)?.capability;
  if (capability === Capability.modelUse) return "cost.inference";
  return capability === Capability.toolCall ? "cost.tool" : "cost.other";
}
