import { ProtocolError } from "../errors/protocol-error.ts";
import { TimeoutError, TransportError } from "../errors/transport-errors.ts";
import { createIdempotencyKey } from "../idempotency/key.ts";
import { createDeferred } from "../platform/async.ts";
import type { Timer } from "../platform/clock.ts";
import type { Grant, Lease } from "../authority/grant.ts";
import type { Outbox } from "../settlement/outbox.ts";

/** What a heartbeat needs of whoever keeps its company; the outbox of its authority is one. */
export type HeartbeatContext = Pick<Outbox, "authority" | "clock" | "observer" | "logger">;

/** The least time that is allowed for a request and kept as a margin (Cycles §extend). */
const leastBudgetMs = 1_000;
const longestTimeoutMs = 5_000;
const longestDelayMs = 30_000;
/**
 * The reference server allows ten extensions. From the fifth on each asks for twice the last, up to fifteen minutes, so
 * that a long call keeps its hold: a noted deviation from Cycles §extend, whose schedule still decides when to ask.
 */
const evenExtensions = 4;
const longestExtensionMs = 900_000;

/**
 * Keeps one lease alive. Where the authority says what remains of it, by the normative schedule of Cycles §extend,
 * which suits any lease: lead is counted on a monotonic clock from what remains less the round trip, never from wall
 * clocks. Where it does not, at a fixed cadence of half the lease: beating too often is safe, a lapse is not.
 */
export class Heartbeat {
  readonly #context: HeartbeatContext;
  readonly #onLost: (error: Error) => void;
  readonly #grant: Grant;
  readonly #ttlMs: number;
  /** Extensions that the authority has granted. */
  #extensions = 0;
  #warnedOfLead = false;
  readonly #timeoutMs: number;
  /** When the lease runs out at the earliest, on the monotonic clock; `undefined` where nothing states it. */
  #endsAt: number | undefined;
  #expiresAt: number | undefined;
  #longestRttMs: number;
  #timer: Timer | undefined;
  #request: AbortController | undefined;
  /** What extensions have added, by the authority's own expiries, and since when that counts (Cycles §extend, fallback). */
  #grantedMs = 0;
  #lastGrantMs = 0;
  readonly #startedAt: number;
  /** Successes in a row that left no time to wait. */
  #withoutLead = 0;
  /** The retry window at the last failure since the last success. */
  #lastWindowMs = Infinity;
  #stopped = false;

  /**
   * @param rttMs how long the answer that carries `lease` took, in milliseconds.
   * @param onLost called once, when the lease can no longer be kept alive.
   */
  constructor(grant: Grant, lease: Lease, rttMs: number, context: HeartbeatContext, onLost: (error: Error) => void) {
    this.#context = context;
    this.#onLost = onLost;
    this.#grant = grant;
    this.#ttlMs = lease.ttlMs;
    this.#longestRttMs = rttMs;
    this.#startedAt = context.clock.monotonic();
    this.#timeoutMs = requestTimeoutMs(this.#ttlMs);
    this.#renew(lease, rttMs);
  }

  /** The authority's own expiry, epoch milliseconds, for display. */
  get expiresAt(): number | undefined {
    return this.#expiresAt;
  }

  /** No more extensions; an extension under way is abandoned. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
    this.#timer = undefined;
    this.#request?.abort();
  }

  /** What one attempt may take (Cycles §extend: `attempt_budget`). */
  get #attemptBudgetMs(): number {
    return Math.ceil(Math.max(this.#timeoutMs, leastBudgetMs, 2 * this.#longestRttMs));
  }

  /** Cycles §extend: `safety_margin`. */
  get #marginMs(): number {
    return Math.ceil(Math.max(leastBudgetMs, 2 * this.#longestRttMs));
  }

  /** Takes over a lease as just granted or lengthened, and plans the next extension. */
  #renew(lease: Lease, rttMs: number): void {
    this.#longestRttMs = Math.max(this.#longestRttMs, rttMs);
    this.#lastWindowMs = Infinity;
    const lastExpiry = this.#expiresAt;
    this.#expiresAt = lease.expiresAt ?? lastExpiry;
    if (lease.remainingMs === undefined) {
      this.#endsAt = undefined;
      this.#lastGrantMs = (this.#expiresAt ?? 0) - (lastExpiry ?? this.#expiresAt ?? 0);
      this.#grantedMs += this.#lastGrantMs;
      return this.#wait(this.#cadenceMs);
    }
    const leadMs = Math.floor(Math.max(0, lease.remainingMs - rttMs));
    this.#endsAt = this.#context.clock.monotonic() + leadMs;
    const delayMs = Math.max(0, leadMs - 2 * this.#attemptBudgetMs - this.#marginMs);
    this.#withoutLead = delayMs === 0 ? this.#withoutLead + 1 : 0;
    // One immediate extension may lengthen a short lease; a second would only burn the authority's extension budget.
    if (this.#withoutLead > 1) return this.#lose(new Error("The lease is shorter than a safe extension needs."));
    this.#wait(delayMs);
  }

  get #cadenceMs(): number {
    return Math.max(leastBudgetMs, Math.min(this.#ttlMs / 2, longestDelayMs));
  }

  #wait(delayMs: number, idempotencyKey?: string): void {
    this.#timer = this.#context.clock.setTimer(() => {
      if (this.#isFarAhead) this.#wait(this.#cadenceMs, idempotencyKey);
      else void this.#beat(idempotencyKey);
    }, delayMs);
  }

  /** Where no remaining time is stated: true while the granted extensions reach 1.5 times the last one ahead. */
  get #isFarAhead(): boolean {
    if (this.#lastGrantMs <= 0) return false;
    const leadMs = this.#grantedMs - (this.#context.clock.monotonic() - this.#startedAt);
    return leadMs >= 1.5 * this.#lastGrantMs;
  }

  /** A key is kept through every retry of one extension, so that a lost answer extends once. */
  async #beat(idempotencyKey: string = createIdempotencyKey()): Promise<void> {
    const { authority, clock, observer } = this.#context;
    const started = clock.monotonic();
    const request = new AbortController();
    this.#request = request;
    try {
      const by = { ms: this.#extensionMs, idempotencyKey };
      const call = { signal: request.signal, timeoutMs: this.#timeoutMs };
      const lease = await this.#within(authority.extend?.(this.#grant, by, call), request);
      if (this.#stopped) return;
      if (lease === undefined) throw new Error("The authority extended and returned no lease.");
      observer?.emit("extend", { protocol: authority.protocol, reservationId: this.#grant.id, lease });
      this.#extensions += 1;
      this.#examineLead(lease);
      this.#renew(lease, clock.monotonic() - started);
    } catch (error) {
      if (!this.#stopped) this.#failed(error instanceof Error ? error : new Error("extend failed"), idempotencyKey);
    }
  }

  /** How far the next extension asks to reach beyond the present end. */
  get #extensionMs(): number {
    const doublings = Math.max(0, this.#extensions - evenExtensions + 1);
    return Math.min(this.#ttlMs * 2 ** Math.min(doublings, 32), Math.max(longestExtensionMs, this.#ttlMs));
  }

  /** An authority that holds the lead where it is will run out of extensions before a long call ends. */
  #examineLead({ remainingMs }: Lease): void {
    if (remainingMs === undefined || this.#warnedOfLead || this.#extensions <= evenExtensions) return;
    if (remainingMs > 1.5 * this.#ttlMs) return;
    this.#warnedOfLead = true;
    const fields = { reservationId: this.#grant.id, extensions: this.#extensions, remainingMs };
    this.#context.logger?.warn("the lead of a lease no longer grows; a long call may lose it", fields);
  }

  /** The schedule counts on the bound of an attempt, so it is kept even by an authority that ignores `timeoutMs`. */
  async #within<Answer>(attempt: Promise<Answer> | undefined, request: AbortController): Promise<Answer | undefined> {
    const bound = createDeferred<never>();
    const timer = this.#context.clock.setTimer(() => {
      bound.reject(new TimeoutError("An extension had no answer in time.", this.#timeoutMs));
      request.abort();
    }, this.#timeoutMs);
    try {
      return await Promise.race([attempt, bound.promise]);
    } finally {
      timer.clear();
    }
  }

  #failed(error: Error, idempotencyKey: string): void {
    const delayMs = this.#retryDelayMs(error);
    if (delayMs === undefined) return this.#lose(error);
    const { authority, observer } = this.#context;
    const { protocol } = authority;
    observer?.emit("retry", {
      protocol,
      operation: "extend",
      reservationId: this.#grant.id,
      idempotencyKey,
      error,
      delayMs,
    });
    this.#wait(delayMs, idempotencyKey);
  }

  /** When to try the same extension again; `undefined` when that is not safe or would not help. */
  #retryDelayMs(error: Error): number | undefined {
    if (!mayRetry(error)) return undefined;
    const askedMs =
      ProtocolError.isInstance(error) && error.status === 429 ? (error.retryAfterMs ?? Infinity) : undefined;
    if (this.#endsAt === undefined) return askedMs === Infinity ? undefined : (askedMs ?? this.#cadenceMs / 2);
    const leadMs = Math.max(0, this.#endsAt - this.#context.clock.monotonic());
    const windowMs = leadMs - this.#attemptBudgetMs - this.#marginMs;
    // No whole attempt fits before the lease may end, or the last wait brought nothing: stop, and say so.
    if (windowMs < 0 || windowMs >= this.#lastWindowMs) return undefined;
    this.#lastWindowMs = windowMs;
    if (askedMs !== undefined) return askedMs <= windowMs ? askedMs : undefined;
    return Math.floor(Math.min(longestDelayMs, leadMs / 4, windowMs));
  }

  #lose(error: Error): void {
    const { protocol } = this.#context.authority;
    const fields = { protocol, reservationId: this.#grant.id, error: error.message };
    this.#context.logger?.warn("a lease can no longer be kept alive", fields);
    this.#context.observer?.emit("lease-lost", { protocol, reservationId: this.#grant.id, error });
    this.#onLost(error);
  }
}

/** Cycles §extend: `attempt_budget` should stay below half of (lead − margin); a quarter leaves room for a slow network. */
function requestTimeoutMs(ttlMs: number): number {
  return Math.floor(Math.min(longestTimeoutMs, Math.max(leastBudgetMs, (ttlMs - leastBudgetMs) / 4)));
}

/** A lost answer, a 5xx or a throttle; any other refusal is final, whatever key it is sent under. */
function mayRetry(error: Error): boolean {
  if (TransportError.isInstance(error)) return true;
  if (!ProtocolError.isInstance(error)) return false;
  return error.retryable || error.status === 429 || (error.status ?? 0) >= 500;
}
