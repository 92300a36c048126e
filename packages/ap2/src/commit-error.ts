import { ProtocolError, type Settlement, SettlementError, TransportError } from "@imprest/core";
import {
  AP2GuardCommitFailed,
  AP2GuardCommitUncertain,
  type AttemptReference,
  type CommitErrorFields,
} from "./errors.ts";

/** Refusals after which the commit, or another one, may stand all the same. */
const uncertainCodes: ReadonlySet<string> = new Set([
  "RESERVATION_FINALIZED",
  "RESERVATION_EXPIRED",
  "IDEMPOTENCY_MISMATCH",
]);

/** The error for a settlement that is not final, or was refused, after the body ran. */
export function commitError(
  { error, requestId }: Settlement,
  fields: Omit<CommitErrorFields, "errorCode" | "requestId">,
  bodyError?: unknown,
): AP2GuardCommitUncertain | AP2GuardCommitFailed {
  const cause = SettlementError.isInstance(error) ? error.cause : error;
  const errorCode = codeOf(cause);
  const complete = { ...fields, errorCode, requestId: ProtocolError.isInstance(cause) ? cause.requestId : requestId };
  const options = { cause: bodyError ?? cause };
  if (isRefusal(cause) && !uncertainCodes.has(errorCode)) {
    const message = `The authority refused the commit (${errorCode}) after the payment was made. Nothing was released; the spend is kept for an operator.`;
    return new AP2GuardCommitFailed(message, complete, options);
  }
  const message = `Whether the authority took the commit is not known (${errorCode}). Nothing was released; it is tried again. reconcile() finds out.`;
  return new AP2GuardCommitUncertain(message, complete, options);
}

function codeOf(error: unknown): string {
  if (ProtocolError.isInstance(error)) return error.errorCode.startsWith("HTTP_5") ? "SERVER_ERROR" : error.errorCode;
  return TransportError.isInstance(error) ? "TRANSPORT_ERROR" : "COMMIT_RAISED";
}

function isRefusal(error: unknown): boolean {
  const status = ProtocolError.isInstance(error) ? error.status : undefined;
  return status !== undefined && status >= 400 && status < 500;
}

/** The error of a payment that is held until the payment service is asked. */
export function outcomeUnknown(
  reservationId: string,
  attempt: AttemptReference,
  cause: unknown,
): AP2GuardCommitUncertain {
  const message =
    "Nobody can say whether the PSP charged, so nothing was settled and nothing released. Ask the PSP: reconcile().";
  return new AP2GuardCommitUncertain(message, { errorCode: "PSP_OUTCOME_UNKNOWN", reservationId, attempt }, { cause });
}
