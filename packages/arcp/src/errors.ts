import { type Cap, DeniedError, ImprestError, ProtocolError } from "@imprest/core";
import { type ErrorOptionsWithCause } from "@imprest/core/internal";
import { type WireFailure, arcpErrorCodes } from "@imprest/core/models/arcp";
import { redactFrame } from "./frame/redact.ts";

/** Every code of ARCP's own errors; an `ArcpError` has `ERR_PROTOCOL` and the wire's code in `errorCode`. */
export type ArcpErrorCode =
  /** Events came faster than they were read, for too long. Remedy: Read faster, or fewer `kinds`. */
  | "ERR_ARCP_CONSUMER_STALLED"
  /** After a lost connection no runtime knows the job. Remedy: Submit again under the same idempotency key. */
  | "ERR_ARCP_JOB_LOST"
  /**
   * The job succeeded, but its result cannot be had whole. Remedy: Ask for a smaller result, or raise the limit that
   * the message names.
   */
  | "ERR_ARCP_RESULT_UNAVAILABLE"
  /** The session is over, by close, error or an unresumable loss. Remedy: Connect again. */
  | "ERR_ARCP_SESSION_ENDED";

/** What an `ArcpError` says besides the wire's own words. */
export interface ArcpErrorContext {
  /** What was going on: `"connect"`, `"submit"`, `"job"`, `"list"`, `"subscribe"`, `"cancel"`, `"session"`. */
  readonly phase: string;
  readonly jobId?: string | undefined;
  readonly traceId?: string | undefined;
  /** The state a job ended in: `"error"`, `"cancelled"`, `"timed_out"`. */
  readonly finalStatus?: string | undefined;
}

/** Codes that the protocol forbids to be retryable, whatever a runtime writes (ARCP §12). */
const neverRetryable = new Set(["LEASE_EXPIRED", "BUDGET_EXHAUSTED"]);

/** What a refused submission says when it is a No: no budget, no right, no lease (ARCP §12). */
const denials = new Set(["BUDGET_EXHAUSTED", "PERMISSION_DENIED", "LEASE_EXPIRED", "LEASE_SUBSET_VIOLATION"]);

/**
 * The runtime refused a request, or a job ended otherwise than in success. `errorCode` is open (ARCP §12).
 * The No to a submission is a `DeniedError` too: no job, and so no guarded call, has started.
 */
export class ArcpError extends ProtocolError {
  static override readonly brand: string = "ArcpError";
  readonly phase: string;
  readonly jobId: string | undefined;
  readonly finalStatus: string | undefined;
  /** `"DENY"` for the No to a submission. */
  readonly decision: "DENY" | undefined;
  /** Empty: a refusal grants nothing under caps. */
  readonly caps: readonly Cap[] = [];

  /** @param failure what the runtime said of it. */
  constructor(failure: Partial<WireFailure>, context: ArcpErrorContext, options?: ErrorOptionsWithCause) {
    const code = failure.code || "INTERNAL_ERROR";
    const isNo = context.phase === "submit" && denials.has(code);
    const retryable = failure.retryable ?? retryableByDefault(code);
    super(
      `${code} (ARCP ${context.phase}): ${failure.message || "the runtime gave no message"}`,
      {
        protocol: "arcp",
        errorCode: code,
        reasonCode: isNo ? code : undefined,
        retryable: retryable && !neverRetryable.has(code),
        requestId: failure.request_id || undefined,
        traceId: context.traceId,
        // A runtime may repeat what it was sent, or what it sent.
        details: failure.details == null ? undefined : (redactFrame(failure.details) as WireFailure["details"]),
      },
      options,
    );
    this.decision = isNo ? "DENY" : undefined;
    this.phase = context.phase;
    this.jobId = context.jobId;
    this.finalStatus = context.finalStatus;
  }

  protected override get kin(): readonly string[] {
    return this.decision === undefined ? super.kin : [DeniedError.brand];
  }

  protected override details(): Record<string, unknown> {
    const { phase, jobId, finalStatus } = this;
    return { ...super.details(), phase, ...(jobId && { jobId }), ...(finalStatus && { finalStatus }) };
  }
}

function retryableByDefault(code: string): boolean {
  return Object.hasOwn(arcpErrorCodes, code) && arcpErrorCodes[code as keyof typeof arcpErrorCodes];
}

/** The session is over: closed, detached, or lost beyond repair. What was under way has no answer. */
export class SessionEndedError extends ImprestError {
  static override readonly brand: string = "SessionEndedError";
  declare readonly code: ArcpErrorCode;
  constructor(message: string, options?: ErrorOptionsWithCause) {
    super("ERR_ARCP_SESSION_ENDED" satisfies ArcpErrorCode, message, options);
  }
}

/** The runtime no longer knows the job, and neither a replay nor a resubmission could bring its end. */
export class JobLostError extends ImprestError {
  static override readonly brand: string = "JobLostError";
  declare readonly code: ArcpErrorCode;
  readonly jobId: string;
  /** The key under which the job was submitted; submitting again under it runs the job at most once more. */
  readonly idempotencyKey: string | undefined;

  constructor(message: string, jobId: string, idempotencyKey?: string, options?: ErrorOptionsWithCause) {
    super("ERR_ARCP_JOB_LOST" satisfies ArcpErrorCode, message, options);
    this.jobId = jobId;
    this.idempotencyKey = idempotencyKey;
  }

  protected override details(): Record<string, unknown> {
    return { jobId: this.jobId, ...(this.idempotencyKey && { idempotencyKey: this.idempotencyKey }) };
  }
}

/** The job has ended, but its result can no longer be had (it was read already, or the runtime does not replay it). */
export class ResultUnavailableError extends ImprestError {
  static override readonly brand: string = "ResultUnavailableError";
  declare readonly code: ArcpErrorCode;
  readonly jobId: string;

  constructor(message: string, jobId: string, options?: ErrorOptionsWithCause) {
    super("ERR_ARCP_RESULT_UNAVAILABLE" satisfies ArcpErrorCode, message, options);
    this.jobId = jobId;
  }

  protected override details(): Record<string, unknown> {
    return { jobId: this.jobId };
  }
}

/** A consumer of events or of a result stood still for so long that the session went on without it. */
export class ConsumerStalledError extends ImprestError {
  static override readonly brand: string = "ConsumerStalledError";
  declare readonly code: ArcpErrorCode;
  constructor(message: string, options?: ErrorOptionsWithCause) {
    super("ERR_ARCP_CONSUMER_STALLED" satisfies ArcpErrorCode, message, options);
  }
}
