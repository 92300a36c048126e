import { ImprestError, ResponseFormatError, ValidationError } from "@imprest/core";
import type { ErrorCode, ErrorPayload, ErrorResponse } from "@imprest/core/models/cycles";
import { statusOf } from "../http/refusal.ts";
import { LedgerRefusal, type RefusalReason } from "../ledger/refusal.ts";
import type { Correlation } from "./correlation.ts";
import { writeHints } from "./denial.ts";

/** What was asked, where evidence can state that it was refused (Cycles evidence §ErrorPayload). */
export type Attempt = Pick<ErrorPayload, "endpoint" | "reservation_id" | "request">;

/** Error codes of the governance plane (Cycles governance §ErrorCode), as far as it is spoken here. */
type GovernanceCode = "WEBHOOK_NOT_FOUND" | "EVENT_NOT_FOUND" | "REPLAY_IN_PROGRESS";

/** An answer that is no success, on its way to the wire. */
export class Refused extends ImprestError {
  static override readonly brand: string = "Refused";
  readonly errorCode: ErrorCode | GovernanceCode;
  readonly status: number;
  readonly wireDetails: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempt: Attempt | undefined;

  constructor(
    errorCode: ErrorCode | GovernanceCode,
    message: string,
    more: {
      readonly status?: number;
      readonly details?: Readonly<Record<string, unknown>> | undefined;
      readonly headers?: Readonly<Record<string, string>>;
      readonly attempt?: Attempt | undefined;
    } = {},
  ) {
    super("ERR_REFUSED", message);
    this.errorCode = errorCode;
    this.status = more.status ?? statusOf(errorCode);
    this.wireDetails = more.details;
    this.headers = more.headers ?? {};
    this.attempt = more.attempt;
  }
}

/** The error code of a refusal; the runtime plane knows no word for a duplicate. */
export function codeOf(reason: RefusalReason): ErrorCode {
  return reason === "DUPLICATE_RESOURCE" ? "INVALID_REQUEST" : reason;
}

/** Refusals of the request itself: nothing was decided, so there is nothing to attest (Cycles evidence §ArtifactType). */
const undecided: ReadonlySet<RefusalReason> = new Set<RefusalReason>(["INVALID_REQUEST", "FORBIDDEN"]);

/** Codes of v0.1.26, which the mirror of evidence does not know yet. */
const unattestable: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  "ACTION_QUOTA_EXCEEDED",
  "ACTION_KIND_DENIED",
  "ACTION_KIND_NOT_ALLOWED",
]);

/** The refusal of an attempt, so that evidence can state it; any other error as it is. */
export function refusedAttempt(error: unknown, attempt: Attempt): unknown {
  if (!(error instanceof LedgerRefusal) || undecided.has(error.reason) || unattestable.has(error.reason)) return error;
  return new Refused(codeOf(error.reason), error.message, { details: writeHints(error.hints), attempt });
}

/** What the wire reports of an error. Whatever is not the caller's doing becomes a bare 500: no message, no trace. */
export function refusedBy(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof LedgerRefusal) {
    return new Refused(codeOf(error.reason), error.message, { details: writeHints(error.hints) });
  }
  if (error instanceof ValidationError) {
    return new Refused("INVALID_REQUEST", error.message, { details: { issues: error.issues } });
  }
  if (error instanceof ResponseFormatError) return new Refused("INVALID_REQUEST", "The body is not readable JSON.");
  return new Refused("INTERNAL_ERROR", "The authority could not answer; retry with the same idempotency key.");
}

/** The body of every answer that is no success (Cycles §ErrorResponse). */
export function errorBody(refused: Refused, { requestId, traceId }: Correlation): ErrorResponse {
  return {
    error: refused.errorCode,
    message: refused.message,
    request_id: requestId,
    trace_id: traceId,
    details: refused.wireDetails,
  };
}
