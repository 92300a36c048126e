import type { EvidenceReference, ProtocolError } from "@imprest/core";
import { AP2AlreadyConsumed, AP2GuardDenied } from "../errors.ts";

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
