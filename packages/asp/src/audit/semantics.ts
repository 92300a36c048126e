import type { Finding } from "@imprest/core/audit";
import {
  type AuditEvent,
  type CommitData,
  type OverageRejectedData,
  type ReserveData,
  parseTimestamp,
} from "@imprest/core/models/asp";

/** The budget, reservation or decision that an event must be about: a valid one of another proves nothing for this. */
export interface AuditExpectation {
  readonly budgetId?: string | undefined;
  readonly reservationId?: string | undefined;
  readonly decisionId?: string | undefined;
}

/** Clocks may differ by as much. */
const skewMs = 300_000;

/** Rules within one event (ASP §5 "Minimum data fields"), judged apart from its signature. */
export function semanticFindings(event: AuditEvent, nowMs: number): Finding[] {
  const findings: Finding[] = [];
  if (event.suffix === "reserve") findings.push(...reserveFindings(event.data));
  if (event.suffix === "commit") findings.push(...commitFindings(event.data));
  if (event.suffix === "overage_rejected" || event.suffix === "overage_charged") {
    findings.push(...overageFindings(event.data));
  }
  const time = parseTimestamp(event.time) ?? 0;
  const eventTime = parseTimestamp(event.data.event_time) ?? 0;
  if (Math.abs(time - eventTime) > skewMs) {
    findings.push(warning("time_skew", "/time", "The envelope's time and data.event_time are minutes apart."));
  }
  if (eventTime > nowMs + skewMs) {
    findings.push(warning("future_event", "/data/event_time", "The event says that it happened in the future."));
  }
  return findings;
}

function reserveFindings({ decision, ttl_expires_at: ttl, caps }: ReserveData): Finding[] {
  const allows = decision === "ALLOW" || decision === "ALLOW_WITH_CAPS";
  const findings: Finding[] = [];
  if (!allows && decision !== "DENY") {
    findings.push(
      violation("unknown_decision", "/data/decision", "The decision is none of ALLOW, ALLOW_WITH_CAPS, DENY."),
    );
  }
  if (allows && ttl === undefined) {
    findings.push(violation("missing_member", "/data/ttl_expires_at", "A grant must say when it ends."));
  }
  if (decision === "ALLOW_WITH_CAPS" && (caps === undefined || caps.length === 0)) {
    findings.push(violation("missing_member", "/data/caps", "A grant under caps must list them."));
  }
  return findings;
}

function commitFindings(data: CommitData): Finding[] {
  const ways = [data.refund_amount_atomic, data.charge_amount_atomic, data.exact_match].filter(
    (way) => way !== undefined,
  );
  if (ways.length === 1) return [];
  const message = "A commit must have exactly one of refund_amount_atomic, charge_amount_atomic and exact_match.";
  return [violation("ambiguous_settlement", "/data", message)];
}

function overageFindings(data: OverageRejectedData): Finding[] {
  const overage = data.amount_atomic_observed - data.amount_atomic_reserved;
  if (overage === data.overage_amount_atomic && overage > 0n) return [];
  const message = "The overage is not what was observed beyond what was reserved.";
  return [violation("amounts_do_not_add_up", "/data/overage_amount_atomic", message)];
}

/** What an event is not about. */
export function expectationFindings(event: AuditEvent, expected: AuditExpectation): Finding[] {
  const { data } = event;
  const found = {
    budget_id: "budget_id" in data ? data.budget_id : undefined,
    reservation_id: "reservation_id" in data ? data.reservation_id : undefined,
    decision_id: data.decision_id,
  };
  const wanted = {
    budget_id: event.suffix === "reserve" ? expected.budgetId : undefined,
    reservation_id: event.suffix === "reserve" ? undefined : expected.reservationId,
    decision_id: expected.decisionId,
  };
  return (["budget_id", "reservation_id", "decision_id"] as const)
    .filter((name) => wanted[name] !== undefined && wanted[name] !== found[name])
    .map((name) => ({
      kind: "expectation",
      severity: "error",
      code: `unexpected_${name}`,
      pointer: `/data/${name}`,
      message: `The event is about another ${name.replace("_id", "")}.`,
    }));
}

function violation(code: string, pointer: string, message: string): Finding {
  return { kind: "schema", severity: "error", code, pointer, message };
}

function warning(code: string, pointer: string, message: string): Finding {
  return { kind: "schema", severity: "warning", code, pointer, message };
}
