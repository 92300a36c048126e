/** Every code of core's own errors. The packages have unions of their own: `ArcpErrorCode`, `AP2ErrorCode`, … */
export type ImprestErrorCode =
  | "ERR_ABORTED"
  | "ERR_AUTHORITY_UNREACHABLE"
  | "ERR_CONFIGURATION"
  | "ERR_CONNECTION"
  | "ERR_DENIED"
  | "ERR_PROTOCOL"
  | "ERR_RESPONSE_FORMAT"
  | "ERR_SETTLEMENT"
  | "ERR_SPEND_UNKNOWN"
  | "ERR_TIMEOUT"
  | "ERR_VALIDATION"
  | "ERR_VERIFICATION";

/** A code of core's own, which editors complete, or any other: a package or an application may add errors. */
export type AnyErrorCode = ImprestErrorCode | (string & Record<never, never>);
