import type { AnyErrorCode } from "./error-code.ts";
import { ImprestError, type ErrorOptionsWithCause } from "./imprest-error.ts";

/** What a transport error says about the request; never headers or a body. */
export interface RequestSummary {
  readonly method: string;
  /** Origin and path, without the query. */
  readonly target: string;
}

/** No usable answer: the request may or may not have reached the other side. */
export class TransportError extends ImprestError {
  static override readonly brand: string = "TransportError";
  /** Which request it was, where one had been made. */
  readonly request: RequestSummary | undefined;

  constructor(
    code: AnyErrorCode,
    message: string,
    options?: ErrorOptionsWithCause & { readonly request?: RequestSummary },
  ) {
    super(code, message, options);
    this.request = options?.request;
  }

  protected override details(): Record<string, unknown> {
    return { request: this.request };
  }
}

/** The connection could not be made, or broke before the whole answer had come. */
export class ConnectionError extends TransportError {
  static override readonly brand: string = "ConnectionError";
  constructor(message: string, options?: ErrorOptionsWithCause & { readonly request?: RequestSummary }) {
    super("ERR_CONNECTION", message, options);
  }
}

/** No whole answer within the deadline. */
export class TimeoutError extends TransportError {
  static override readonly brand: string = "TimeoutError";
  /** The deadline that passed, in milliseconds. */
  readonly timeoutMs: number;

  constructor(
    message: string,
    timeoutMs: number,
    options?: ErrorOptionsWithCause & { readonly request?: RequestSummary },
  ) {
    super("ERR_TIMEOUT", message, options);
    this.timeoutMs = timeoutMs;
  }
}

/** The caller's `AbortSignal` fired. `cause` is the signal's reason. */
export class AbortedError extends TransportError {
  static override readonly brand: string = "AbortedError";
  constructor(message: string, options?: ErrorOptionsWithCause & { readonly request?: RequestSummary }) {
    super("ERR_ABORTED", message, options);
  }
}

/** An answer came, but it is not what the protocol allows (not JSON, too large, a required field missing). */
export class ResponseFormatError extends TransportError {
  static override readonly brand: string = "ResponseFormatError";
  /** The HTTP status of the malformed answer. */
  readonly status: number | undefined;

  constructor(
    message: string,
    options?: ErrorOptionsWithCause & { readonly request?: RequestSummary; readonly status?: number },
  ) {
    super("ERR_RESPONSE_FORMAT", message, options);
    this.status = options?.status;
  }

  protected override details(): Record<string, unknown> {
    return { ...super.details(), status: this.status };
  }
}
