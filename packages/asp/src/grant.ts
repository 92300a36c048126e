import type { Cap, Grant, ReserveRequest } from "@imprest/core";
import { type AllowCap, type ReserveResponse, parseTimestamp } from "@imprest/core/models/asp";
import { type Answered, malformed } from "./connection.ts";
import { ApprovalRequiredError, AspDeniedError } from "./errors.ts";
import * as operations from "./operations.ts";
import { evidenceOf } from "./settlement.ts";

/** A skew between the two clocks below this is within what the seconds of a `Date` header can tell. */
const noticeableSkewMs = 2_000;

/** What is left of a lease: by this clock, or by the authority's where the two differ noticeably. */
export function remainingMs({ answer, serverTimeMs }: Answered<ReserveResponse>, nowMs: number): number | undefined {
  const expiresAtMs = parseTimestamp(answer.ttlExpiresAt);
  if (expiresAtMs === undefined) return undefined;
  const skewMs = serverTimeMs === undefined ? 0 : serverTimeMs - nowMs;
  return expiresAtMs - (Math.abs(skewMs) < noticeableSkewMs ? nowMs : nowMs + skewMs);
}

/**
 * The grant that an answer is.
 * @throws AspDeniedError for every decision that is none; ResponseFormatError for a grant without what the draft demands.
 */
export function grantOf(request: ReserveRequest, answer: ReserveResponse, leftMs: number | undefined): Grant {
  const { decision, reservationId: id, ttlExpiresAt } = answer;
  if (decision !== "ALLOW" && decision !== "ALLOW_WITH_CAPS") throw deniedBy(answer);
  if (id === undefined) throw malformed(operations.reserve, "it allows, but holds no reservation_id");
  if (decision === "ALLOW_WITH_CAPS" && answer.caps === undefined) {
    throw malformed(operations.reserve, "it allows with caps, but holds none");
  }
  const expiresAt = parseTimestamp(ttlExpiresAt);
  return {
    id,
    decision,
    reserved: request.estimate,
    caps: (answer.caps ?? []).map(capOf),
    lease: leftMs === undefined ? undefined : { ttlMs: Math.max(1, leftMs), remainingMs: leftMs, expiresAt },
    evidence: evidenceOf(answer),
    request,
    wire: answer,
  };
}

/** `{type, params: {value}}` and `{type, params: {<type>: value}}` both stand for one value; other params stay whole. */
function capOf({ type: name, params = {} }: AllowCap): Cap {
  const [only, ...others] = Object.keys(params);
  const isValue = others.length === 0 && (only === "value" || only === name);
  return { name, value: isValue ? params[only] : params };
}

/** DENY, an unspecified decision, and a word this version does not know: none is leave to spend (ASP §2). */
function deniedBy(answer: ReserveResponse): AspDeniedError {
  const { decision = "DECISION_UNSPECIFIED", reasonCodes = [], matchedRuleIds = [], caps = [] } = answer;
  const why = reasonCodes.length === 0 ? "" : ` because of ${reasonCodes.join(", ")}`;
  const denial = { decision, reasonCodes, matchedRuleIds, caps: caps.map(capOf) };
  if (reasonCodes.includes("approval_required")) {
    const message = `The authority answered ${decision}: a person must approve first. Nothing was started.`;
    return new ApprovalRequiredError(message, denial);
  }
  return new AspDeniedError(`The authority answered ${decision}${why}. Nothing was started.`, denial);
}

/** A lease that would end before the call could. */
export function tooShort({ caps }: Grant, leftMs: number): AspDeniedError {
  const message = `The reservation had only ${Math.round(leftMs)} ms left, so the call did not start.`;
  return new AspDeniedError(message, { decision: "DENY", reasonCodes: ["ttl_too_short"], matchedRuleIds: [], caps });
}
