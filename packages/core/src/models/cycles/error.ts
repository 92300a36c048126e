import { hexDigits, jsonObject, loose, openOneOf, text } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";
import { type CyclesEvidenceRef, cyclesEvidenceRef } from "./evidence.ts";

/** Every error code of the base protocol (Cycles §ErrorCode) and of the v0.1.26 extension. Open on the wire. */
export type ErrorCode = (typeof errorCodes)[number];

export const errorCodes = [
  "INVALID_REQUEST",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "NOT_FOUND",
  "BUDGET_EXCEEDED",
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "RESERVATION_EXPIRED",
  "RESERVATION_FINALIZED",
  "IDEMPOTENCY_MISMATCH",
  "UNIT_MISMATCH",
  "OVERDRAFT_LIMIT_EXCEEDED",
  "DEBT_OUTSTANDING",
  "MAX_EXTENSIONS_EXCEEDED",
  "LIMIT_EXCEEDED",
  "TENANT_CLOSED",
  "INTERNAL_ERROR",
  "ACTION_QUOTA_EXCEEDED",
  "ACTION_KIND_DENIED",
  "ACTION_KIND_NOT_ALLOWED",
] as const;

/** The body of every answer that is no success (Cycles §ErrorResponse). */
export interface ErrorResponse {
  readonly error: ErrorCode | (string & {});
  readonly message: string;
  readonly request_id: string;
  /** 32 lower-case hex digits. */
  readonly trace_id?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cycles_evidence?: CyclesEvidenceRef | undefined;
}

export const errorResponse: Shape<ErrorResponse> = object({
  error: openOneOf(errorCodes),
  message: text,
  request_id: text,
  trace_id: optional(loose(hexDigits(32))),
  details: optional(jsonObject),
  cycles_evidence: optional(cyclesEvidenceRef),
});
