import { ResponseFormatError } from "../errors/transport-errors.ts";

/** A request, immutable. Header names are lower case. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** A whole response. Header names are lower case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8 text. */
  readonly body: string;
}

/** What a transport must keep to while it sends. */
export interface TransportLimits {
  /** Aborts the exchange; the transport rejects with the signal's reason. Made when it is first read. */
  readonly signal: AbortSignal;
  /** As the signal, for a transport that can do without one. Called at once when the exchange is already aborted. */
  onAbort(listener: (reason: unknown) => void): void;
  /** @throws the reason, once the exchange is aborted. */
  throwIfAborted(): void;
  /** A larger body is a `ResponseFormatError`. */
  readonly maxResponseBytes: number;
}

/**
 * Sends one request and reads the whole answer. Never follows a redirect (credentials would travel with it) and never
 * retries. Rejects with a `ConnectionError` when there is no whole answer, with a `ResponseFormatError` for a redirect.
 */
export type Transport = (request: HttpRequest, limits: TransportLimits) => Promise<HttpResponse>;

/** The statuses that `fetch` would follow (Fetch §redirect status). */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * A redirect is an answer, and not one that these protocols give: a caller who goes on without a reservation when the
 * authority is out of reach must not go on because of it.
 * @throws ResponseFormatError for a redirect.
 */
export function refuseRedirect(status: number): void {
  if (!redirects.has(status)) return;
  throw new ResponseFormatError(
    "The answer is a redirect, which is never followed: the credentials would travel with it. Set the base URL to the final address.",
    { status },
  );
}
