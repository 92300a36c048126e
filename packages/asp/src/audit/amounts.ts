import type { Report } from "./audit-finding.ts";
import { type Decision, type Fact, first, settlementsOf } from "./decision.ts";

/** Conservation (ASP §3.1, §5): reserved = observed + refunded, overage = observed − reserved, refunds ≤ committed. */
export function amountProblems(decision: Decision, report: Report): void {
  const check = (holds: boolean, what: string): void =>
    report(!holds, "amounts_do_not_conserve", `Amounts do not add up: ${what}.`);
  const settlements = settlementsOf(decision);
  const observed = settlements.map((fact) => fact.observed);
  check(new Set(observed).size <= 1, "two settlements observed different amounts");
  const { reserved } = first(decision, "reserve") ?? {};
  if (reserved !== undefined) for (const fact of decision.facts) checkAgainst(reserved, fact, check);
  const [committed] = observed;
  check(committed === undefined || decision.refunded <= committed, "more was refunded than committed");
}

function checkAgainst(reserved: bigint, fact: Fact, check: (holds: boolean, what: string) => void): void {
  const { suffix, observed, difference, returned } = fact;
  if (suffix !== "reserve" && fact.reserved !== undefined) {
    const what = suffix.startsWith("overage") ? "the overage" : `the ${suffix}`;
    check(fact.reserved === reserved, `${what} names another reserve`);
  }
  if (returned !== undefined) check(returned === reserved, "not all that was reserved was returned at the TTL");
  if (suffix !== "commit" || observed === undefined || difference === undefined) return;
  const what =
    difference === 0n
      ? "an exact match that is none"
      : difference > 0n
        ? "observed is not reserved plus charged"
        : "reserved is not observed plus refunded";
  check(observed === reserved + difference, what);
}
