import type { AuditEvent, AuditSuffix } from "@imprest/core/models/asp";
import { parseTimestamp } from "@imprest/core/models/asp";

/** What is wrong with the events of one decision, put together. */
export interface LifecycleProblem {
  readonly code: string;
  readonly message: string;
}

type EventOf<Suffix extends AuditSuffix> = Extract<AuditEvent, { readonly suffix: Suffix }>;

/** The suffixes after which nothing but a refused replay or a refund may follow (ASP §3.3: one terminal transition). */
const ends: readonly AuditSuffix[] = [
  "commit",
  "release",
  "late_commit",
  "overage_rejected",
  "overage_charged",
  "reconciliation_gap",
  "bypassed",
];

/** True once nothing more is expected: denied, bypassed, or ended. */
export function isComplete(events: readonly AuditEvent[]): boolean {
  if (events.some(({ suffix }) => suffix === "bypassed")) return true;
  const reserve = only(events, "reserve")[0];
  if (reserve === undefined) return false;
  return reserve.data.decision === "DENY" || events.some(({ suffix }) => ends.includes(suffix));
}

/** Every rule of ASP §3 that the events of one decision break. */
export function lifecycleProblems(events: readonly AuditEvent[]): LifecycleProblem[] {
  const problems: LifecycleProblem[] = [];
  const report = (broken: boolean, code: string, message: string): void => {
    if (broken) problems.push({ code, message });
  };
  const has = (suffix: AuditSuffix): boolean => events.some((event) => event.suffix === suffix);
  const settlements = settlementsOf(events);
  const reserves = only(events, "reserve");
  const [reserve] = reserves;
  const others = events.filter(({ suffix }) => suffix !== "reserve" && suffix !== "bypassed");

  report(
    reserve === undefined && others.length > 0,
    "missing_reserve",
    "Events without the reserve that they rest on.",
  );
  report(reserves.length > 1, "several_reserves", "Two reserves for one decision.");
  report(reserve?.data.decision === "DENY" && others.length > 0, "events_after_denial", "A denied decision goes on.");
  report(new Set(others.map(reservationOf)).size > 1, "several_reservations", "One decision, two reservation ids.");
  for (const suffix of [
    "commit",
    "release",
    "late_commit",
    "overage_rejected",
    "overage_charged",
    "ttl_expired",
  ] as const) {
    report(only(events, suffix).length > 1, "several_ends", `Two events of ${suffix} for one reservation.`);
  }
  const settled = settlements.length > 0;
  report(settled && has("release"), "commit_and_release", "Both committed and released.");
  report(settled && has("overage_rejected"), "commit_after_quarantine", "Committed although quarantined for overage.");
  report(settled && has("reconciliation_gap"), "commit_and_gap", "Both committed and given up as beyond grace.");
  report(has("release") && has("overage_rejected"), "release_after_quarantine", "Released although quarantined.");
  report(
    has("commit") && has("ttl_expired") && !has("late_commit"),
    "commit_after_expiry",
    "A plain commit after the TTL.",
  );
  const isLate = has("late_commit") || has("reconciliation_gap");
  report(
    isLate && !has("ttl_expired"),
    "missing_ttl_expired",
    "A late commit without the ttl_expired that must precede it.",
  );
  report(has("refund") && !settled, "refund_without_commit", "A refund of what was never committed.");
  report(isOutOfTime(events), "ends_before_reserve", "An event is dated before the reserve that it rests on.");
  return [...problems, ...amountProblems(events)];
}

/** Conservation (ASP §3.1, §5): reserved = observed + refunded, overage = observed − reserved, refunds ≤ committed. */
function amountProblems(events: readonly AuditEvent[]): LifecycleProblem[] {
  const wrong: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };
  const reserved = only(events, "reserve")[0]?.data.amount_atomic_reserved;
  const observed = settlementsOf(events).map(({ data }) => data.amount_atomic_observed);
  check(new Set(observed).size <= 1, "two settlements observed different amounts");
  if (reserved !== undefined) {
    for (const { data } of only(events, "commit")) {
      const { amount_atomic_observed: seen, refund_amount_atomic: refund, charge_amount_atomic: charge } = data;
      if (refund !== undefined) check(reserved === seen + refund, "reserved is not observed plus refunded");
      if (charge !== undefined) check(seen === reserved + charge, "observed is not reserved plus charged");
      if (data.exact_match) check(seen === reserved, "an exact match that is none");
    }
    for (const { data } of [...only(events, "overage_rejected"), ...only(events, "overage_charged")]) {
      check(data.amount_atomic_reserved === reserved, "the overage names another reserve");
    }
    for (const { data } of only(events, "ttl_expired")) {
      check(data.capacity_returned_atomic === reserved, "not all that was reserved was returned at the TTL");
    }
  }
  const refunded = only(events, "refund").reduce((sum, { data }) => sum + data.amount_atomic_refunded, 0n);
  const [committed] = observed;
  check(committed === undefined || refunded <= committed, "more was refunded than committed");
  return wrong.map((what) => ({ code: "amounts_do_not_conserve", message: `Amounts do not add up: ${what}.` }));
}

/** One settlement may show as commit and, beside it, as late_commit or overage_charged: the draft leaves it open. */
function settlementsOf(events: readonly AuditEvent[]): EventOf<"commit" | "late_commit" | "overage_charged">[] {
  return [...only(events, "commit"), ...only(events, "late_commit"), ...only(events, "overage_charged")];
}

function isOutOfTime(events: readonly AuditEvent[]): boolean {
  const [reserve] = only(events, "reserve");
  const from = parseTimestamp(reserve?.data.event_time) ?? -Infinity;
  return events.some(({ data }) => (parseTimestamp(data.event_time) ?? Infinity) < from);
}

function reservationOf({ data }: AuditEvent): unknown {
  return "reservation_id" in data ? data.reservation_id : undefined;
}

/** The events of one suffix, typed. */
export function only<Suffix extends AuditSuffix>(events: readonly AuditEvent[], suffix: Suffix): EventOf<Suffix>[] {
  return events.filter((event): event is EventOf<Suffix> => event.suffix === suffix);
}
