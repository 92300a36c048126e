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
  /** `"cycles"`, `"asp"`, `"arcp"` … */
  readonly protocol: string;
  /** HTTP status, where the wire has one. */
  readonly status: number | undefined;
  /** The wire's own error code, verbatim and open: an unknown one is kept. */
  readonly errorCode: string;
  /** Why, where the wire tells reasons apart from codes. */
  readonly reasonCode: string | undefined;
  /** For the authority's operator: which request this was. */
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  /** Milliseconds that the authority asks to wait. */
  readonly retryAfterMs: number | undefined;
  /** True when the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** The wire's own details object, verbatim. */
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
