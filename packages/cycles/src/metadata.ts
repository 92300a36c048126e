import type { HttpResponse } from "@imprest/core";
import type { Secret } from "@imprest/core/internal";

/** What an answer says about itself beside its body. */
export interface ResponseMetadata {
  readonly status: number;
  /** The key that the request was sent under; absent on reads. */
  readonly idempotencyKey?: string | undefined;
  readonly requestId?: string | undefined;
  /** 32 lower-case hex digits. */
  readonly traceId?: string | undefined;
  /** The tenant that the authority took the caller for. */
  readonly tenant?: string | undefined;
  readonly rateLimit?: RateLimit | undefined;
  /** The request's action kind is deprecated (v0.1.26); this one takes its place. */
  readonly replacementKind?: string | undefined;
}

/** How much the authority will still take, as far as it says. */
export interface RateLimit {
  readonly remaining?: number | undefined;
  /** Epoch seconds, as the authority wrote it. */
  readonly reset?: number | undefined;
}

export const deprecatedKindHeader = "x-cycles-deprecated-kind";

const metadataKey = Symbol.for("@imprest/cycles/response-metadata");

/**
 * Request id, trace id, tenant and rate limit of an answer that a `CyclesClient` method returned: the answer itself
 * holds what is on the wire and nothing else.
 * @returns `undefined` for any other object, a copy of an answer included.
 */
export function metadataOf(answer: object): ResponseMetadata | undefined {
  return (answer as { readonly [metadataKey]?: ResponseMetadata })[metadataKey];
}

/** Ties metadata to an answer, unseen by JSON, spread and comparison. */
export function withMetadata<Answer extends object>(answer: Answer, metadata: ResponseMetadata): Answer {
  return Object.defineProperty(answer, metadataKey, { value: metadata });
}

/** @param key cut out of it, should the authority repeat it there. */
export function readMetadata(
  { status, headers }: HttpResponse,
  key: Secret | undefined,
  idempotencyKey?: string,
): ResponseMetadata {
  const rateLimit = readRateLimit(headers);
  const { "x-request-id": requestId, "x-cycles-trace-id": traceId, "x-cycles-tenant": tenant } = headers;
  const replacementKind = headers[deprecatedKindHeader];
  const metadata = {
    status,
    idempotencyKey,
    requestId,
    traceId,
    tenant,
    replacementKind,
    ...(rateLimit && { rateLimit }),
  };
  return key?.redact(metadata) ?? metadata;
}

/** The reference server writes -1 and 0 where it does not limit; both count as absent. */
function readRateLimit(headers: HttpResponse["headers"]): RateLimit | undefined {
  const remaining = readWhole(headers["x-ratelimit-remaining"]);
  const reset = readWhole(headers["x-ratelimit-reset"]) || undefined;
  return remaining === undefined && reset === undefined ? undefined : { remaining, reset };
}

function readWhole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
