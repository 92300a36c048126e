import { ImprestError, type ErrorOptionsWithCause } from "./imprest-error.ts";

/** What an authority said in an understood error answer. */
export interface ProtocolErrorFields {
  /** `"cycles"`, `"asp"`, `"arcp"` … */
  readonly protocol: string;
  /** HTTP status, where the wire has one. */
  readonly status?: number | undefined;
  /** The wire's own error code, verbatim; open: an unknown one is kept. */
  readonly errorCode: string;
  readonly reasonCode?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  /** Milliseconds the authority asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** True when the same request may succeed later, unchanged. */
  readonly retryable?: boolean | undefined;
  /** The wire's own details object, verbatim. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The authority understood the request and refused it. */
export class ProtocolError extends ImprestError {
  static override readonly brand: string = "ProtocolError";
  readonly protocol: string;
  readonly status: number | undefined;
  readonly errorCode: string;
  readonly reasonCode: string | undefined;
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;
  readonly wireDetails: Readonly<Record<string, unknown>> | undefined;

  constructor(message: string, fields: ProtocolErrorFields, options?: ErrorOptionsWithCause) {
    super("ERR_PROTOCOL", message, options);
    this.protocol = fields.protocol;
    this.status = fields.status;
    this.errorCode = fields.errorCode;
    this.reasonCode = fields.reasonCode;
    this.requestId = fields.requestId;
    this.traceId = fields.traceId;
    this.retryAfterMs = fields.retryAfterMs;
    this.retryable = fields.retryable ?? false;
    this.wireDetails = fields.details;
  }

  protected override details(): Record<string, unknown> {
    const { protocol, status, errorCode, reasonCode, requestId, traceId, retryAfterMs, retryable } = this;
    return { protocol, status, errorCode, reasonCode, requestId, traceId, retryAfterMs, retryable };
  }
}
