import type { AuditSuffix } from "@imprest/core/models/asp";
import { amountProblems } from "./amounts.ts";
import type { Report } from "./audit-finding.ts";
import { type Decision, ends, first, settlementsOf } from "./decision.ts";
import { type TimeRules, timeProblems } from "./timing.ts";

/** What is wrong with the events of one decision, put together. */
export interface LifecycleProblem {
  readonly code: string;
  readonly message: string;
  /** An event is missing, which may be on its way. */
  readonly isMissing: boolean;
}

/** Every rule of ASP §3 that the events of one decision break. */
export function lifecycleProblems(decision: Decision, rules: TimeRules): LifecycleProblem[] {
  const problems: LifecycleProblem[] = [];
  const report: Report = (isBroken, code, message) => {
    if (isBroken) problems.push({ code, message, isMissing: false });
  };
  const missing: Report = (isBroken, code, message) => {
    if (isBroken) problems.push({ code, message, isMissing: true });
  };
  contradictions(decision, report);
  absences(decision, missing);
  amountProblems(decision, report);
  timeProblems(decision, rules, report, missing);
  return problems;
}

function contradictions(decision: Decision, report: Report): void {
  const { facts, promisedReservationId: promised } = decision;
  const has = (suffix: AuditSuffix): boolean => first(decision, suffix) !== undefined;
  const others = facts.filter(({ suffix }) => suffix !== "reserve" && suffix !== "bypassed");
  const reservations = new Set(facts.flatMap(({ reservationId }) => reservationId ?? []));
  const settled = settlementsOf(decision).length > 0;
  const reserves = facts.filter(({ suffix }) => suffix === "reserve");
  report(reserves.length > 1, "several_reserves", "Two reserves for one decision.");
  const denied = first(decision, "reserve")?.decision === "DENY";
  report(denied && others.length > 0, "events_after_denial", "A denied decision goes on.");
  report(has("bypassed") && facts.length > 1, "bypassed_and_decided", "Both decided and bypassed without a decision.");
  report(reservations.size > 1, "several_reservations", "One decision, two reservation ids.");
  for (const suffix of [...ends, "ttl_expired"] as const) {
    // Every commit that comes beyond grace is refused with an event of its own (ASP §3.2, §3.3).
    if (suffix === "reconciliation_gap") continue;
    const isTwice = facts.filter((fact) => fact.suffix === suffix).length > 1;
    report(isTwice, "several_ends", `Two events of ${suffix} for one reservation.`);
  }
  report(settled && has("release"), "commit_and_release", "Both committed and released.");
  report(settled && has("overage_rejected"), "commit_after_quarantine", "Committed although quarantined for overage.");
  report(settled && has("reconciliation_gap"), "commit_and_gap", "Both committed and given up as beyond grace.");
  report(has("release") && has("overage_rejected"), "release_after_quarantine", "Released although quarantined.");
  report(has("release") && has("reconciliation_gap"), "release_and_gap", "Both released and given up as beyond grace.");
  report(
    has("overage_rejected") && has("reconciliation_gap"),
    "quarantine_and_gap",
    "Both quarantined and given up as beyond grace.",
  );
  const stray = promised === undefined ? undefined : [...reservations].find((id) => id !== promised);
  report(
    stray !== undefined,
    "promised_event_mismatch",
    `The authority answered the reserve with reservation ${promised}; its event is another's.`,
  );
}

function absences(decision: Decision, missing: Report): void {
  const { facts, refundsOf } = decision;
  const has = (suffix: AuditSuffix): boolean => first(decision, suffix) !== undefined;
  const settlements = settlementsOf(decision);
  const isFollowing = facts.some(({ suffix }) => suffix !== "reserve" && suffix !== "bypassed");
  missing(isFollowing && !has("reserve"), "missing_reserve", "Events without the reserve that they rest on.");
  const isLate = has("late_commit") || has("reconciliation_gap");
  missing(
    isLate && !has("ttl_expired"),
    "missing_ttl_expired",
    "A late commit without the ttl_expired that must precede it.",
  );
  const reserved = first(decision, "reserve")?.reserved;
  const isOver = settlements.some(({ observed = 0n }) => reserved !== undefined && observed > reserved);
  missing(
    isOver && !has("overage_charged") && !has("overage_rejected"),
    "missing_overage_charged",
    "More was charged than reserved, without the overage_charged that must say so.",
  );
  if (refundsOf.length > 0) {
    const ids = new Set(settlements.map(({ id }) => id));
    missing(ids.size === 0, "refund_without_commit", "A refund of what was never committed.");
    const isUnknown = ids.size > 0 && refundsOf.some((id) => !ids.has(id));
    missing(isUnknown, "refund_of_unknown_event", "A refund of an event that is no commit of this decision.");
  }
  const isSettled = settlements.length > 0 || has("overage_rejected") || has("reconciliation_gap");
  missing(
    has("replay_rejected") && !isSettled,
    "replay_without_commit",
    "A replay was refused of a commit that is not here.",
  );
}
