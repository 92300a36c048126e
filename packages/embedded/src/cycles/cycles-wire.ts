import { type Clock, type Logger } from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";
import type { EvidencePayload } from "@imprest/core/models/cycles";
import type { ApiKeys } from "../access/api-keys.ts";
import { type RateLimit, RateLimiter, type RateLimitStanding } from "../access/rate-limit.ts";
import type { Attestor } from "../evidence/attestor.ts";
import type { GovernancePlane } from "../governance/plane.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Correlation, correlate } from "./correlation.ts";
import { type Caller, adminCaller, tenantCaller } from "../governance/wire/caller.ts";
import { type GovernedRoute, governedRouteOf } from "../governance/wire/routes.ts";
import { isPublic, jwksPath, publishedDocument } from "./published.ts";
import { Refused, errorBody, refusedBy } from "./refused.ts";
import { routeOf } from "./routes.ts";
import type { RequestHead, WireRequest, WireResponse } from "../http/wire.ts";
import type { Success } from "./success.ts";

/** What the wire stands on. */
export interface CyclesWireParts {
  readonly ledger: Ledger;
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rateLimit: RateLimit | undefined;
  /** Whether a subject without a tenant is of the caller's. */
  readonly fillsInTenant: boolean;
  /** Bytes; a longer body is refused. */
  readonly maxBodyBytes: number;
  /** Signs the answers; without it none carries evidence, and nothing is published. */
  readonly evidence: Attestor | undefined;
  /** Answers what the governance plane is asked; without it only the runtime plane is there. */
  readonly governance: GovernancePlane | undefined;
}

/** One request on its way, and the headers that its answer gathers. */
interface Exchange {
  readonly request: WireRequest;
  readonly correlation: Correlation;
  readonly headers: Record<string, string>;
}

/** The buckets of those who draw envelopes without a key, and of administrators; no tenant has these names. */
const anyone = "";
const administrator = "/admin";

/** The Cycles protocol over a ledger, the governance plane where there is one: the one code path behind every server. */
export class CyclesWire {
  readonly maxBodyBytes: number;
  readonly #parts: CyclesWireParts;
  readonly #limiter: RateLimiter | undefined;

  constructor(parts: CyclesWireParts) {
    this.#parts = parts;
    this.maxBodyBytes = parts.maxBodyBytes;
    this.#limiter = parts.rateLimit && new RateLimiter(parts.rateLimit, parts.clock);
  }

  /** Whether a key comes with the request that is a tenant's or an administrator's. */
  knowsCaller({ header }: RequestHead): boolean {
    const { apiKeys, governance } = this.#parts;
    const key = header("x-cycles-api-key");
    if (key !== undefined && apiKeys.holderOf(key) !== undefined) return true;
    const adminKey = header("x-admin-api-key");
    return adminKey !== undefined && governance?.adminKeys.accepts(adminKey) === true;
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
    const exchange = { request, correlation, headers };
    try {
      return await this.#accept(exchange);
    } catch (error) {
      try {
        return await this.#refuse(error, exchange);
      } catch (failure) {
        // The refusal's evidence could not be made durable: then nothing more can be.
        return this.#write(refusedBy(failure), exchange);
      }
    }
  }

  async #accept(exchange: Exchange): Promise<WireResponse> {
    const { request, headers } = exchange;
    const { ledger, evidence } = this.#parts;
    const question = request.target.indexOf("?");
    const path = question === -1 ? request.target : request.target.slice(0, question);
    if (evidence !== undefined && isPublic(path)) {
      // Every verifier needs the keys, and caches them: no stranger who draws envelopes may keep them from anyone.
      if (path !== jwksPath) this.#limit(anyone, headers);
      const { text, cacheControl } = await publishedDocument(evidence, request.method, path);
      return { status: 200, headers: { ...headers, "Cache-Control": cacheControl }, body: text };
    }
    const query = new URLSearchParams(question === -1 ? "" : request.target.slice(question));
    const { status, body, payload } = this.#perform(exchange, path, query);
    const reference = await this.#attest(exchange, payload);
    await ledger.durable();
    return { status, headers, body: stringifyJson({ ...body, ...reference }) };
  }

  #perform(exchange: Exchange, path: string, query: URLSearchParams): Success {
    const { request } = exchange;
    const { ledger, evidence, apiKeys, governance } = this.#parts;
    const governed = governance && governedRouteOf(request.method, path, query);
    if (governed !== undefined && governance !== undefined) {
      const { operation, id } = governed;
      const caller = this.#callerOf(governed, governance, request);
      this.#admit(caller, exchange);
      return this.#onBehalf(caller, exchange, () => operation({ plane: governance, caller, request, query, id }));
    }
    const { operation, reservationId } = routeOf(request.method, path);
    const caller = tenantCaller(request, apiKeys);
    this.#admit(caller, exchange);
    const { tenant, within } = caller;
    const who = { tenant, within, fillsInTenant: this.#parts.fillsInTenant };
    const call = { ledger, who, request, query, reservationId, evidence };
    return this.#onBehalf(caller, exchange, () => operation(call));
  }

  /** @throws Refused UNAUTHORIZED. */
  #callerOf({ access }: GovernedRoute, { adminKeys }: GovernancePlane, request: WireRequest): Caller {
    const isAdmin = access === "admin" || (access === "either" && request.header("x-admin-api-key") !== undefined);
    return isAdmin ? adminCaller(request, adminKeys) : tenantCaller(request, this.#parts.apiKeys);
  }

  /** @throws Refused LIMIT_EXCEEDED, or INVALID_REQUEST for a body that is too long. */
  #admit(caller: Caller, { request, headers }: Exchange): void {
    if (caller.role === "tenant") headers["X-Cycles-Tenant"] = caller.tenant;
    this.#limit(caller.role === "tenant" ? caller.tenant : administrator, headers);
    if (request.body.length <= this.maxBodyBytes) return;
    throw new Refused("INVALID_REQUEST", `The body is longer than ${this.maxBodyBytes} bytes.`);
  }

  /** Events that a request causes carry its ids (Cycles governance §Event, request_id). */
  #onBehalf(caller: Caller, { correlation }: Exchange, operation: () => Success): Success {
    const actor = caller.role === "admin" ? caller : ({ role: "apiKey", keyId: caller.keyId } as const);
    return this.#parts.ledger.causedBy({ ...correlation, actor }, operation);
  }

  async #refuse(error: unknown, exchange: Exchange): Promise<WireResponse> {
    const refused = refusedBy(error);
    if (refused.status >= 500) {
      const cause = error instanceof Error ? error.message : "unknown";
      const { requestId, traceId } = exchange.correlation;
      this.#parts.logger.error("a request failed", { requestId, traceId, error: cause });
    }
    const { attempt, status } = refused;
    if (attempt === undefined || this.#parts.evidence === undefined) {
      // A denial is remembered and emitted: neither may be undone by a crash once it is answered.
      if (status === 409) await this.#parts.ledger.durable();
      return this.#write(refused, exchange);
    }
    const response = errorBody(refused, exchange.correlation);
    const reference = await this.#attest(exchange, { error: { ...attempt, http_status: status, response } });
    await this.#parts.ledger.durable();
    return this.#write(refused, exchange, reference);
  }

  #write(refused: Refused, { headers, correlation }: Exchange, reference?: object): WireResponse {
    const body = stringifyJson({ ...errorBody(refused, correlation), ...reference });
    return { status: refused.status, headers: { ...headers, ...refused.headers }, body };
  }

  /** The member that refers to an answer's evidence, where there is any (Cycles §CyclesEvidenceRef). */
  async #attest({ headers, correlation }: Exchange, payload: EvidencePayload | undefined): Promise<object | undefined> {
    if (payload === undefined || this.#parts.evidence === undefined) return undefined;
    const tenant = headers["X-Cycles-Tenant"] ?? anyone;
    const reference = await this.#parts.evidence.attest({ tenant, traceId: correlation.traceId, payload });
    return reference && { cycles_evidence: reference };
  }

  /** @throws Refused LIMIT_EXCEEDED. */
  #limit(caller: string, headers: Record<string, string>): void {
    if (this.#limiter !== undefined) applyLimit(this.#limiter.take(caller), headers);
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
