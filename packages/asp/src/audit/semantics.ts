import { ConfigurationError } from "@imprest/core/internal/verify";
import type { Finding } from "@imprest/core/audit";
import {
  type AuditEvent,
  type CommitData,
  type OverageRejectedData,
  type ReserveData,
  parseTimestamp,
} from "@imprest/core/models/asp";

/** What an event must be about: a valid one of another tenant, budget or decision proves nothing for this one. */
export interface AuditExpectation {
  /** The feed: the `source` of its events, as it is written. */
  readonly source?: string | undefined;
  /** Whose feed it is, where sources are `<origin>/asp/<tenant>` as this library's authority writes them. */
  readonly tenant?: string | undefined;
  /** Only a reserve names its budget; the other events of its decision are of the same. */
  readonly budgetId?: string | undefined;
  readonly reservationId?: string | undefined;
  readonly decisionId?: string | undefined;
}

const expectable: ReadonlySet<string> = new Set<keyof AuditExpectation>([
  "source",
  "tenant",
  "budgetId",
  "reservationId",
  "decisionId",
]);

/** @throws ConfigurationError naming a member that nothing would be compared with. */
export function checkExpectation(expected: AuditExpectation): void {
  const unknown = Object.keys(expected).filter((name) => !expectable.has(name));
  if (unknown.length === 0) return;
  const names = [...expectable].join(", ");
  throw new ConfigurationError(`expected has ${unknown.join(", ")}; an event is held to ${names}.`);
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
  const { data, source } = event;
  const reservation = "reservation_id" in data ? data.reservation_id : undefined;
  const budget = "budget_id" in data ? data.budget_id : undefined;
  const findings: Finding[] = [];
  const compare = (name: string, pointer: string, wanted: string | undefined, found: string | undefined): void => {
    if (wanted === undefined || wanted === found) return;
    const message = `The event is about another ${name.replace("_id", "")}.`;
    findings.push({ kind: "expectation", severity: "error", code: `unexpected_${name}`, pointer, message });
  };
  compare("source", "/source", expected.source, source);
  compare("tenant", "/source", expected.tenant, tenantOf(source));
  if (event.suffix === "reserve") compare("budget_id", "/data/budget_id", expected.budgetId, budget);
  else if (expected.budgetId !== undefined) findings.push(budgetNotNamed);
  compare("decision_id", "/data/decision_id", canonicalId(expected.decisionId), canonicalId(data.decision_id));
  // The draft gives a reserve no reservation, and only a reserve a budget.
  if (reservation !== undefined || event.suffix !== "reserve") {
    compare("reservation_id", "/data/reservation_id", canonicalId(expected.reservationId), canonicalId(reservation));
  }
  return findings;
}

const budgetNotNamed: Finding = {
  kind: "expectation",
  severity: "warning",
  code: "budget_not_named",
  message: "Only a reserve names its budget: see that of the same decision.",
};

/** The tenant of `<origin>/asp/<tenant>`; `undefined` for any other source. */
function tenantOf(source: string): string | undefined {
  const [, written] = /^https?:\/\/[^/]+\/asp\/([^/]+)$/i.exec(source) ?? [];
  try {
    return written === undefined ? undefined : decodeURIComponent(written);
  } catch {
    return undefined;
  }
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** A UUID is the same in capitals (RFC 9562 §4); any other id is what it is, character by character. */
export function canonicalId<Id extends string | undefined>(id: Id): Id {
  return id !== undefined && uuid.test(id) ? (id.toLowerCase() as Id) : id;
}

function violation(code: string, pointer: string, message: string): Finding {
  return { kind: "schema", severity: "error", code, pointer, message };
}

function warning(code: string, pointer: string, message: string): Finding {
  return { kind: "schema", severity: "warning", code, pointer, message };
}
