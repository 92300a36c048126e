import type { Finding } from "@imprest/core/audit";
import type { DecisionResponse, ErrorPayload, EvidenceEnvelope, ReservePayload } from "@imprest/core/models/cycles";

/**
 * The rules between members of an envelope, which hold beyond the shape of each (Cycles evidence §CyclesEvidence ff.).
 * @param stated the payload as it is signed: a member that is `null` there is one too many (§EvidencePayload).
 */
export function invariantFindings({ artifact_type: type, payload }: EvidenceEnvelope, stated: object): Finding[] {
  const present = Object.keys(stated);
  if (present.length !== 1 || present[0] !== type) {
    return [violation("payload_mismatch", "/payload", `must hold ${type} and nothing else, as artifact_type says`)];
  }
  const { decide, reserve, error } = payload;
  return [
    ...(decide === undefined ? [] : capsFindings(decide.response, "/payload/decide/response")),
    ...(reserve === undefined ? [] : reserveFindings(reserve)),
    ...(error === undefined ? [] : errorFindings(error)),
  ];
}

/** Caps come with ALLOW_WITH_CAPS, always and only. */
function capsFindings({ decision, caps }: Pick<DecisionResponse, "decision" | "caps">, pointer: string): Finding[] {
  if ((decision === "ALLOW_WITH_CAPS") === (caps !== undefined)) return [];
  const message = `must hold caps with ALLOW_WITH_CAPS and only then, but the decision is ${decision}`;
  return [violation("caps_mismatch", `${pointer}/caps`, message)];
}

function reserveFindings({ request, response }: ReservePayload): Finding[] {
  const pointer = "/payload/reserve/response";
  const findings = capsFindings(response, pointer);
  if (request.dry_run === true) {
    const kept = (["reservation_id", "expires_at_ms"] as const).filter((key) => response[key] !== undefined);
    const message = "must be absent after a dry run, which reserves nothing";
    return [...findings, ...kept.map((key) => violation("dry_run_reserved", `${pointer}/${key}`, message))];
  }
  if (response.decision === "DENY") {
    const message = "cannot be DENY without dry_run: a live denial is an error answer";
    findings.push(violation("live_denial", `${pointer}/decision`, message));
  } else if (response.reservation_id === undefined) {
    findings.push(violation("missing_reservation_id", `${pointer}/reservation_id`, "must name what was reserved"));
  }
  return findings;
}

function errorFindings({ endpoint, reservation_id: reservationId }: ErrorPayload): Finding[] {
  const namesOne = endpoint.includes("{reservation_id}");
  if (namesOne === (reservationId !== undefined)) return [];
  const code = namesOne ? "missing_reservation_id" : "stray_reservation_id";
  const message = namesOne ? "must name the reservation that the request was for" : `has no place in ${endpoint}`;
  return [violation(code, "/payload/error/reservation_id", message)];
}

function violation(code: string, pointer: string, message: string): Finding {
  return { kind: "schema", severity: "error", code, pointer, message };
}
