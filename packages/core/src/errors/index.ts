export type { AnyErrorCode, ImprestErrorCode } from "./error-code.ts";
export { ImprestError, type ErrorOptionsWithCause } from "./imprest-error.ts";
export { ConfigurationError, ValidationError, type ValidationIssue, VerificationError } from "./local-errors.ts";
export {
  AbortedError,
  ConnectionError,
  type RequestSummary,
  ResponseFormatError,
  TimeoutError,
  TransportError,
} from "./transport-errors.ts";
export { ProtocolError, type ProtocolErrorFields } from "./protocol-error.ts";
export { AuthorityUnreachableError, DeniedError, SettlementError, SpendUnknownError } from "./spend-errors.ts";
