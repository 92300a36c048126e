import type { Clock } from "@imprest/core";

/** How often one tenant may call: a bucket of `burst` calls that refills at `perSecond`. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

/** Where a tenant stands with its limit. */
export interface RateLimitStanding {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Whole seconds until the next call is allowed; 0 when it is now. */
  readonly retryAfterSeconds: number;
  /** Unix seconds when the bucket is full again. */
  readonly resetAtSeconds: number;
}

/** Token buckets by tenant, on the monotonic clock (Cycles §ERROR SEMANTICS: 429 is for throttling only). */
export class RateLimiter {
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #limit: RateLimit;
  readonly #clock: Clock;

  constructor(limit: RateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Takes one call out of the tenant's bucket, if there is one. */
  take(tenant: string): RateLimitStanding {
    const { perSecond, burst } = this.#limit;
    const nowMs = this.#clock.monotonic();
    const bucket = this.#buckets.get(tenant) ?? { tokens: burst, atMs: nowMs };
    this.#buckets.set(tenant, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = nowMs;
    const allowed = bucket.tokens >= 1;
    if (allowed) bucket.tokens -= 1;
    return {
      allowed,
      remaining: Math.floor(bucket.tokens),
      retryAfterSeconds: allowed ? 0 : Math.ceil((1 - bucket.tokens) / perSecond),
      resetAtSeconds: Math.ceil(this.#clock.now() / 1_000 + (burst - bucket.tokens) / perSecond),
    };
  }
}
