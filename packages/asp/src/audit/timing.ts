import type { Report } from "./audit-finding.ts";
import { type Decision, first, settlementsOf } from "./decision.ts";

/** By which clock the times of a decision are judged. */
export interface TimeRules {
  /** How far the clocks of an authority's replicas may be apart. */
  readonly skewMs: number;
  /** The grace window that the authority publishes (ASP §3.2); `undefined` where it is not known. */
  readonly graceMs: number | undefined;
}

/** "SHOULD be ≤ 5 minutes" (ASP §3.2): what is held to where no window was given. */
export const longestGraceMs = 300_000;

/** ASP §3.2: what may happen before the TTL, within grace and beyond it, each within the skew of clocks. */
export function timeProblems(decision: Decision, rules: TimeRules, report: Report, missing: Report): void {
  const reserve = first(decision, "reserve");
  if (reserve === undefined) return;
  const { skewMs } = rules;
  const isEarly = decision.facts.some(({ atMs }) => atMs < reserve.atMs - skewMs);
  report(isEarly, "ends_before_reserve", "An event is dated before the reserve that it rests on.");
  const settledMs = Math.min(...settlementsOf(decision).map(({ atMs }) => atMs));
  const isUnearned = decision.facts.some(({ suffix, atMs }) => suffix === "refund" && atMs < settledMs - skewMs);
  report(isUnearned && settledMs !== Infinity, "refund_before_commit", "A refund is dated before the commit it is of.");
  const { ttlMs } = reserve;
  if (ttlMs === undefined || reserve.decision === "DENY") return;
  report(ttlMs < reserve.atMs - skewMs, "ttl_before_reserve", "The reservation had expired before it was granted.");
  expiry(decision, ttlMs, rules, report);
  settlement(decision, ttlMs, rules, report, missing);
}

function expiry(decision: Decision, ttlMs: number, { skewMs, graceMs }: TimeRules, report: Report): void {
  const expired = first(decision, "ttl_expired");
  report(expired !== undefined && expired.atMs < ttlMs - skewMs, "expired_early", "A ttl_expired before the TTL.");
  const isOther = expired?.ttlMs !== undefined && expired.ttlMs !== ttlMs;
  report(isOther, "ttl_differs", "The ttl_expired names another TTL than the reserve.");
  const release = first(decision, "release");
  const isTwice = release !== undefined && (expired !== undefined || release.atMs > ttlMs + skewMs);
  report(isTwice, "release_after_expiry", "A release after the TTL: the capacity went back twice.");
  // What was settled or quarantined in time had nothing left to return at the TTL.
  const inTime = decision.facts.some(
    ({ suffix, atMs }) => (suffix === "commit" || suffix === "overage_rejected") && atMs < ttlMs - skewMs,
  );
  report(inTime && expired !== undefined, "expired_after_end", "A ttl_expired of what had ended in time.");
  const gap = first(decision, "reconciliation_gap");
  if (gap === undefined) return;
  const graceEndMs = ttlMs + (graceMs ?? 0);
  report(gap.atMs < graceEndMs - skewMs, "gap_within_grace", "A commit was refused before its grace was over.");
  const isWrong = graceMs !== undefined && Math.abs(gap.atMs - graceEndMs - (gap.graceMs ?? 0)) > skewMs;
  report(isWrong, "gap_time_differs", "time_past_grace_ms is not how long the grace had been over.");
}

function settlement(
  decision: Decision,
  ttlMs: number,
  { skewMs, graceMs = longestGraceMs }: TimeRules,
  report: Report,
  missing: Report,
): void {
  const hasExpired = first(decision, "ttl_expired") !== undefined;
  const late = first(decision, "late_commit");
  const commit = first(decision, "commit");
  const isAfter = commit !== undefined && (hasExpired || commit.atMs > ttlMs + skewMs);
  missing(isAfter && late === undefined, "commit_after_expiry", "A plain commit after the TTL.");
  if (late !== undefined) {
    report(late.atMs < ttlMs - skewMs, "late_before_ttl", "A late commit before the TTL.");
    const isWrong = Math.abs(late.atMs - ttlMs - (late.graceMs ?? 0)) > skewMs;
    report(isWrong, "grace_used_differs", "grace_window_ms_used is not how long after the TTL the commit came.");
  }
  for (const suffix of ["late_commit", "overage_charged", "overage_rejected"] as const) {
    const fact = first(decision, suffix);
    const isBeyond = fact !== undefined && fact.atMs > ttlMs + graceMs + skewMs;
    report(isBeyond, "settled_beyond_grace", `A ${suffix} after the grace window.`);
    const isPast = fact !== undefined && fact.atMs > ttlMs + skewMs && suffix !== "late_commit";
    missing(isPast && !hasExpired, "missing_ttl_expired", `A ${suffix} after the TTL without its ttl_expired.`);
  }
}
