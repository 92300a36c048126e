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
  /** Aborts the exchange; the transport rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** A larger body is a `ResponseFormatError`. */
  readonly maxResponseBytes: number;
}

/**
 * Sends one request and reads the whole answer. Never follows a redirect (credentials would travel with it) and never
 * retries. Rejects with a `ConnectionError` when there is no whole answer.
 */
export type Transport = (request: HttpRequest, limits: TransportLimits) => Promise<HttpResponse>;
