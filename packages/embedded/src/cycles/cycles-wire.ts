import { type Clock, type Logger, stringifyJson } from "@imprest/core";
import type { ApiKeys } from "../access/api-keys.ts";
import { type RateLimit, RateLimiter, type RateLimitStanding } from "../access/rate-limit.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { correlate } from "./correlation.ts";
import { Refused, errorBody, refusedBy } from "./refused.ts";
import { routeOf } from "./routes.ts";
import type { Success, WireRequest, WireResponse } from "./wire.ts";

/** What the wire stands on. */
export interface CyclesWireParts {
  readonly ledger: Ledger;
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rateLimit: RateLimit | undefined;
  /** Bytes; a longer body is refused. */
  readonly maxBodyBytes: number;
}

/** The runtime plane of the Cycles protocol over a ledger: the one code path behind every server. */
export class CyclesWire {
  readonly maxBodyBytes: number;
  readonly #parts: CyclesWireParts;
  readonly #limiter: RateLimiter | undefined;

  constructor(parts: CyclesWireParts) {
    this.#parts = parts;
    this.maxBodyBytes = parts.maxBodyBytes;
    this.#limiter = parts.rateLimit && new RateLimiter(parts.rateLimit, parts.clock);
  }

  /** Answers one request; never rejects. Nothing is acknowledged before it is durable. */
  async answer(request: WireRequest): Promise<WireResponse> {
    const correlation = correlate(request);
    const headers: Record<string, string> = {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      "X-Request-Id": correlation.requestId,
      "X-Cycles-Trace-Id": correlation.traceId,
    };
    try {
      const { status, body } = this.#perform(request, headers);
      await this.#parts.ledger.durable();
      return { status, headers, body: stringifyJson(body) };
    } catch (error) {
      const refused = refusedBy(error);
      if (refused.status >= 500) {
        const cause = error instanceof Error ? error.message : "unknown";
        this.#parts.logger.error("a request failed", { ...correlation, error: cause });
      }
      const body = stringifyJson(errorBody(refused, correlation));
      return { status: refused.status, headers: { ...headers, ...refused.headers }, body };
    }
  }

  #perform(request: WireRequest, headers: Record<string, string>): Success {
    const { ledger } = this.#parts;
    const question = request.target.indexOf("?");
    const path = question === -1 ? request.target : request.target.slice(0, question);
    const query = new URLSearchParams(question === -1 ? "" : request.target.slice(question));
    const { operation, reservationId } = routeOf(request.method, path);
    const tenant = this.#authenticate(request);
    headers["X-Cycles-Tenant"] = tenant;
    if (this.#limiter !== undefined) applyLimit(this.#limiter.take(tenant), headers);
    if (request.body.length > this.maxBodyBytes) {
      throw new Refused("INVALID_REQUEST", `The body is longer than ${this.maxBodyBytes} bytes.`);
    }
    return operation({ ledger, tenant, request, query, reservationId });
  }

  #authenticate(request: WireRequest): string {
    const key = request.header("x-cycles-api-key");
    if (key === undefined || key === "") throw new Refused("UNAUTHORIZED", "Send an API key in X-Cycles-API-Key.");
    const tenant = this.#parts.apiKeys.tenantOf(key);
    if (tenant === undefined) throw new Refused("UNAUTHORIZED", "The API key is unknown or revoked.");
    return tenant;
  }
}

/** @throws Refused LIMIT_EXCEEDED. */
function applyLimit(standing: RateLimitStanding, headers: Record<string, string>): void {
  headers["X-RateLimit-Remaining"] = String(standing.remaining);
  headers["X-RateLimit-Reset"] = String(standing.resetAtSeconds);
  if (standing.allowed) return;
  throw new Refused("LIMIT_EXCEEDED", "Too many requests; wait as long as Retry-After says.", {
    headers: { "Retry-After": String(standing.retryAfterSeconds) },
  });
}
