import type { RefusalHints } from "../ledger/refusal.ts";

// How a refusal looks to a caller, whether it comes over a wire or in process: code that moves from one to the other reads
// the same status and the same details.

const statuses: Readonly<Record<string, number>> = {
  INVALID_REQUEST: 400,
  UNIT_MISMATCH: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  WEBHOOK_NOT_FOUND: 404,
  EVENT_NOT_FOUND: 404,
  RESERVATION_EXPIRED: 410,
  LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
};

/** The HTTP status of an error code (Cycles §ERROR SEMANTICS): denials and conflicts are 409. */
export function statusOf(code: string): number {
  return statuses[code] ?? 409;
}

/** Where the request went wrong, as `details` (Cycles §ErrorResponse). */
export function detailsOf({ scope, requestedUnit, expectedUnits }: RefusalHints): Readonly<Record<string, unknown>> {
  return {
    ...(scope !== undefined && { scope }),
    ...(requestedUnit !== undefined && { requested_unit: requestedUnit }),
    ...(expectedUnits !== undefined && { expected_units: expectedUnits }),
  };
}
