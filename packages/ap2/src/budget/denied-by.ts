import type { EvidenceReference, Grant, ProtocolError } from "@imprest/core";
import { AP2AlreadyConsumed, AP2DryRunResult, AP2GuardDenied } from "../errors.ts";

/** The No that a refusal of a reserve is. */
export function deniedBy(cause: ProtocolError, evidence?: EvidenceReference): AP2GuardDenied {
  const { errorCode: reasonCode, requestId, traceId, retryAfterMs } = cause;
  const fields = { reasonCode, requestId, traceId, retryAfterMs, evidence };
  if (reasonCode === "IDEMPOTENCY_MISMATCH") {
    const message = "Another worker holds or held this mandate: its reserve came first. Nothing was started.";
    return new AP2AlreadyConsumed(message, fields, { cause });
  }
  return new AP2GuardDenied(`${cause.message} Nothing was started.`, fields, { cause });
}

/** True of an answer that refuses; an error of no known status, like a 5xx, may stand for a reserve that was taken. */
export function isRefusal({ status = 500 }: ProtocolError): boolean {
  return status < 500;
}

/** Whose reserve was answered with one that stands no more. */
export function endedBefore(reservationId: string, ids: object = {}): AP2AlreadyConsumed {
  const message = `The authority answered with reservation ${reservationId}, which has ended: the mandate was used before. Nothing was started.`;
  return new AP2AlreadyConsumed(message, { reasonCode: "RESERVATION_ENDED", reservationId, ...ids });
}

/** What a dry run came to, as the error that says so. */
export function wouldAnswer(
  decision: string,
  refused: ConstructorParameters<typeof AP2GuardDenied>[1],
  allowed: Omit<ConstructorParameters<typeof AP2DryRunResult>[1], "decision">,
): AP2GuardDenied | AP2DryRunResult {
  if (!isAllowed(decision)) return new AP2GuardDenied(`The authority would answer ${decision}.`, refused);
  const message = `Dry run: the authority would answer ${decision}. Nothing was reserved and nothing charged.`;
  return new AP2DryRunResult(message, { decision, ...allowed });
}

export function isAllowed(decision: string): decision is Grant["decision"] {
  return decision === "ALLOW" || decision === "ALLOW_WITH_CAPS";
}
