import type { JsonObject } from "@imprest/core/audit";
import type { AuditSuffix } from "@imprest/core/models/asp";
import { type Books, type Drawn, type Told, decisionOf, idOf, iso, reservationOf } from "./books-of-an-authority.ts";

/** The code that a lie is found by; `undefined`: nothing in the feed speaks against it. */
type Verdict = string | undefined;

/** A lie of the authority itself: it holds the key, and numbers and signs what it states as if nothing were wrong. */
export interface Lie {
  readonly name: string;
  readonly tell: (books: Books, drawn: Drawn) => Books;
  /** By the numbered feed alone. */
  readonly alone: Verdict;
  /** With what its answers promised to this caller. */
  readonly pinned: Verdict;
}

type Change = Partial<Told> | ((told: Told) => Partial<Told>);

/** The feed with another event in a slot. */
function changing(slot: string, change: Change): Lie["tell"] {
  return ({ told, asked }) => ({
    asked,
    told: told.map((event) =>
      event.slot === slot ? { ...event, ...(typeof change === "function" ? change(event) : change) } : event,
    ),
  });
}

function without(...slots: string[]): Lie["tell"] {
  return ({ told, asked }) => ({ asked, told: told.filter(({ slot }) => !slots.includes(slot)) });
}

/** Adds an event after another; what is not said is as in that one. */
function adding(after: string, slot: string, change: Change): Lie["tell"] {
  return ({ told, asked }) => ({
    asked,
    told: told.flatMap((event) => {
      if (event.slot !== after) return [event];
      const more = typeof change === "function" ? change(event) : change;
      return [event, { ...event, slot, id: idOf(slot), ...more }];
    }),
  });
}

function both(...lies: Lie["tell"][]): Lie["tell"] {
  return (books, drawn) => lies.reduce((told, lie) => lie(told, drawn), books);
}

/** As `changing`, with amounts of the honest books. */
function withDrawn(lie: (drawn: Drawn) => Lie["tell"]): Lie["tell"] {
  return (books, drawn) => lie(drawn)(books, drawn);
}

const data =
  (more: JsonObject) =>
  (told: Told): Partial<Told> => ({ data: { ...told.data, ...more } });
const later =
  (ms: number) =>
  (told: Told): Partial<Told> => ({ atMs: told.atMs + ms });
const as = (suffix: AuditSuffix, written: JsonObject): Partial<Told> => ({ suffix, data: written });
const of = (at: number): JsonObject => ({ reservation_id: reservationOf(at) });
const bypassOf = (at: number): Partial<Told> => as("bypassed", { bypass_reason: "authority_unreachable", ...of(at) });
const exactly = (amount: number): JsonObject => ({ amount_atomic_observed: String(amount), exact_match: true });

/** A copy of one decision's events, each made another. */
function replaying(at: number, change: (told: Told) => Partial<Told>): Lie["tell"] {
  return ({ told, asked }) => {
    const old = told.filter(({ decision }) => decision === decisionOf(at));
    return { asked, told: [...told, ...old.map((event) => ({ ...event, ...change(event) }))] };
  };
}

/** Found by the feed alone, and so with promises too. */
function found(name: string, code: string, tell: Lie["tell"]): Lie {
  return { name, tell, alone: code, pinned: code };
}

/** Found by whoever was answered, and by nobody else. */
function foundByPromise(name: string, tell: Lie["tell"], code = "promised_event_mismatch"): Lie {
  return { name, tell, alone: undefined, pinned: code };
}

function unprovable(name: string, tell: Lie["tell"]): Lie {
  return { name, tell, alone: undefined, pinned: undefined };
}

const missing = "promised_event_missing";
const conservation = "amounts_do_not_conserve";
const anHourMs = 3_600_000;

export const lies: readonly Lie[] = [
  // Events that are left out, the rest numbered as if they had never been.
  found("a commit is left out", "missing_end", without("c1")),
  found("a release is left out", "missing_end", without("x3")),
  found("a quarantine is left out", "missing_end", without("q6")),
  found("an expiry is left out", "missing_end", without("t8")),
  found("an expiry before a late commit is left out", "missing_ttl_expired", without("t4")),
  found("an expiry before a refused commit is left out", "missing_ttl_expired", without("t7")),
  found("the reserve of a commit is left out", "missing_reserve", without("r1")),
  found("the reserve of a refused commit is left out", "missing_reserve", without("r7")),
  found("a charged overage is left out", "missing_overage_charged", without("o5")),
  found("the commit of a refund is left out", "refund_without_commit", without("c2")),
  found("an event is left out, and its number with it", "sequence_gap", changing("c1", { number: 99 })),
  foundByPromise("a reservation is left out", without("r1", "c1"), missing),
  foundByPromise("a denial is left out", without("r9"), missing),
  foundByPromise("the last reservation is left out", without("r11", "c11"), missing),
  foundByPromise("the last commit is left out", without("c11"), missing),
  foundByPromise("a refund is left out", without("f2"), missing),
  unprovable("a refused replay is left out", without("p10")),
  unprovable("a commit that was refused beyond grace is left out", without("g7")),
  // Outcomes that were others.
  foundByPromise("a commit is told as a release", changing("c1", as("release", of(1)))),
  foundByPromise(
    "a release is stated as a commit",
    withDrawn(({ reserved }) => changing("x3", as("commit", { ...of(3), ...exactly(reserved) }))),
  ),
  foundByPromise(
    "a commit is stated as an expiry",
    withDrawn(({ reserved }) =>
      changing("c1", ({ atMs }) => ({
        ...as("ttl_expired", {
          ...of(1),
          ttl_expires_at: iso(atMs + 59_000),
          capacity_returned_atomic: String(reserved),
        }),
        atMs: atMs + 59_001,
      })),
    ),
  ),
  foundByPromise("a grant is told as a denial", both(without("x3"), changing("r3", data({ decision: "DENY" })))),
  foundByPromise(
    "a denial is stated as a grant that was released",
    both(
      changing("r9", (told) => data({ decision: "ALLOW", ttl_expires_at: iso(told.atMs + 60_000), ...of(9) })(told)),
      adding("r9", "x9", as("release", of(9))),
    ),
  ),
  unprovable(
    "a quarantine is stated as an expiry",
    withDrawn(({ reserved }) =>
      changing("q6", ({ atMs }) => ({
        ...as("ttl_expired", {
          ...of(6),
          ttl_expires_at: iso(atMs + 59_000),
          capacity_returned_atomic: String(reserved),
        }),
        atMs: atMs + 59_001,
      })),
    ),
  ),
  // Outcomes that exclude each other.
  found("a commit comes twice", "several_ends", adding("c1", "c1b", {})),
  found("a release comes twice", "several_ends", adding("x3", "x3b", {})),
  found("an expiry comes twice", "several_ends", adding("t8", "t8b", {})),
  unprovable("a commit that was refused beyond grace is stated twice", adding("g7", "g7b", {})),
  found("a reserve comes twice", "several_reserves", adding("r1", "r1b", {})),
  found("a commit is released as well", "commit_and_release", adding("c1", "x1", as("release", of(1)))),
  found(
    "a quarantined reservation is committed",
    "commit_after_quarantine",
    withDrawn(({ reserved }) => adding("q6", "c6", as("commit", { ...of(6), ...exactly(reserved) }))),
  ),
  found("a quarantined reservation is released", "release_after_quarantine", adding("q6", "x6", as("release", of(6)))),
  found(
    "a late commit is refused as well",
    "commit_and_gap",
    adding("l4", "g4", (told) => ({
      ...as("reconciliation_gap", { ...of(4), amount_atomic_observed: "1", time_past_grace_ms: 0 }),
      atMs: told.atMs + 21_000,
    })),
  ),
  found(
    "a denied decision is committed",
    "events_after_denial",
    withDrawn(({ reserved }) => adding("r9", "c9", as("commit", { ...of(9), ...exactly(reserved) }))),
  ),
  found(
    "a decision was also bypassed",
    "bypassed_and_decided",
    adding("c1", "b1", as("bypassed", { bypass_reason: "authority_unreachable" })),
  ),
  found(
    "a call that was granted is stated as bypassed too, under another decision",
    "bypassed_and_decided",
    adding("c1", "b1", { ...bypassOf(1), decision: decisionOf(99) }),
  ),
  found(
    "a call is stated as bypassed, and later as granted under another decision",
    "bypassed_and_decided",
    adding("r1", "b2", { ...bypassOf(2), decision: decisionOf(99) }),
  ),
  found(
    "a replay is refused of a commit that is not there",
    "replay_without_commit",
    adding("x3", "p3", as("replay_rejected", { ...of(3), idempotency_key: "k", conflict_field: "f" })),
  ),
  // Ids.
  found("one reservation stands in two decisions", "reservation_reused", changing("r3", data(of(1)))),
  found(
    "one decision has two reservations",
    "several_reservations",
    changing("c1", data({ reservation_id: "another" })),
  ),
  found("one event id stands for two events", "conflicting_duplicate", changing("c1", { id: idOf("r1") })),
  found("a number stands for two events", "sequence_reused", changing("c1", { number: 1 })),
  found("an old reservation is told again, byte for byte", "duplicate", ({ told, asked }) => ({
    asked,
    told: [
      ...told,
      ...told.flatMap((event, at) => (event.decision === decisionOf(1) ? [{ ...event, number: at + 1 }] : [])),
    ],
  })),
  found(
    "an old reservation is stated again under new event ids",
    "several_reserves",
    replaying(1, ({ id, atMs }) => ({ id: `${id}-again`, atMs: atMs + anHourMs })),
  ),
  found(
    "an old reservation is stated again under a new decision",
    "reservation_reused",
    replaying(1, ({ id, atMs, data: written }) => ({
      id: `${id}-again`,
      decision: decisionOf(99),
      atMs: atMs + 2 * anHourMs,
      data:
        written["ttl_expires_at"] === undefined
          ? written
          : { ...written, ttl_expires_at: iso(atMs + 2 * anHourMs + 60_000) },
    })),
  ),
  unprovable(
    "a reservation is made up",
    replaying(1, ({ id, atMs, data: written }) => ({
      id: `${id}-again`,
      slot: "made-up",
      decision: decisionOf(99),
      atMs: atMs + 2 * anHourMs,
      data: {
        ...written,
        reservation_id: "made-up",
        ...(written["ttl_expires_at"] !== undefined && { ttl_expires_at: iso(atMs + 2 * anHourMs + 60_000) }),
      },
    })),
  ),
  // Amounts.
  found("a commit refunds less than it did not use", conservation, changing("c2", data({ refund_amount_atomic: "0" }))),
  found("an exact match is none", conservation, changing("c1", data({ amount_atomic_observed: "1" }))),
  found("an expiry returns less than was held", conservation, changing("t8", data({ capacity_returned_atomic: "1" }))),
  found(
    "an overage is another sum",
    "amounts_do_not_add_up",
    changing("o5", data({ overage_amount_atomic: "999999" })),
  ),
  found(
    "an overage rests on another reserve",
    conservation,
    withDrawn(({ reserved, over }) =>
      changing(
        "q6",
        data({ amount_atomic_reserved: String(reserved + 1), amount_atomic_observed: String(reserved + over + 1) }),
      ),
    ),
  ),
  found(
    "commit and overage observed different amounts",
    conservation,
    withDrawn(({ reserved, over }) =>
      changing(
        "o5",
        data({ amount_atomic_observed: String(reserved + over + 1), overage_amount_atomic: String(over + 1) }),
      ),
    ),
  ),
  found(
    "more is refunded than was committed",
    conservation,
    withDrawn(({ observed }) => changing("f2", data({ amount_atomic_refunded: String(observed + 1) }))),
  ),
  found(
    "a refund names an event that is no commit of its decision",
    "refund_of_unknown_event",
    changing("f2", data({ original_commit_event_id: idOf("c1") })),
  ),
  found(
    "a release is refunded",
    "refund_without_commit",
    adding("x3", "f3", as("refund", { ...of(3), amount_atomic_refunded: "1", original_commit_event_id: idOf("x3") })),
  ),
  foundByPromise(
    "a commit observed less than was reported",
    withDrawn(({ reserved, observed }) =>
      changing(
        "c2",
        data({ amount_atomic_observed: String(observed - 1), refund_amount_atomic: String(reserved - observed + 1) }),
      ),
    ),
  ),
  foundByPromise(
    "a commit observed more than was reported",
    withDrawn(({ reserved, observed }) =>
      changing(
        "c2",
        data({ amount_atomic_observed: String(observed + 1), refund_amount_atomic: String(reserved - observed - 1) }),
      ),
    ),
  ),
  foundByPromise(
    "a late commit observed more than was reported",
    withDrawn(({ observed }) => changing("l4", data({ amount_atomic_observed: String(observed + 1) }))),
  ),
  foundByPromise(
    "a reserve held more than was asked for",
    withDrawn(({ reserved }) =>
      both(
        changing("r1", data({ amount_atomic_reserved: String(reserved + 1) })),
        changing("c1", as("commit", { ...of(1), amount_atomic_observed: String(reserved), refund_amount_atomic: "1" })),
      ),
    ),
  ),
  unprovable(
    "a refund is made up",
    adding(
      "c11",
      "f11",
      as("refund", { ...of(11), amount_atomic_refunded: "1", original_commit_event_id: idOf("c11") }),
    ),
  ),
  // Times, ASP §3.2.
  found("a commit after the TTL is told as a plain one", "commit_after_expiry", changing("c1", later(70_000))),
  found(
    "a commit after its expiry is stated as a plain one",
    "commit_after_expiry",
    withDrawn(({ observed, reserved }) =>
      changing(
        "l4",
        as("commit", {
          ...of(4),
          amount_atomic_observed: String(observed),
          refund_amount_atomic: String(reserved - observed),
        }),
      ),
    ),
  ),
  found("a release after the TTL returns what went back", "release_after_expiry", changing("x3", later(70_000))),
  found("a release follows an expiry", "release_after_expiry", adding("t8", "x8", as("release", of(8)))),
  found("a quarantine after the TTL has no expiry", "missing_ttl_expired", changing("q6", later(70_000))),
  found("a reservation expires before its TTL", "expired_early", changing("t8", later(-30_000))),
  found(
    "an expiry names another TTL",
    "ttl_differs",
    changing("t8", (told) => data({ ttl_expires_at: iso(told.atMs - 10_000) })(told)),
  ),
  found(
    "a late commit is honoured beyond grace",
    "settled_beyond_grace",
    changing("l4", (told) => ({ atMs: told.atMs + 60_000, ...data({ grace_window_ms_used: 69_000 })(told) })),
  ),
  found(
    "a late commit says to have used less grace",
    "grace_used_differs",
    changing("l4", data({ grace_window_ms_used: 5 })),
  ),
  found(
    "a late commit came before the TTL",
    "late_before_ttl",
    both(changing("l4", (told) => ({ atMs: told.atMs - 30_000, ...data({ grace_window_ms_used: 0 })(told) }))),
  ),
  found(
    "a commit is refused within its grace",
    "gap_within_grace",
    changing("g7", (told) => ({ atMs: told.atMs - 29_000, ...data({ time_past_grace_ms: 0 })(told) })),
  ),
  found(
    "a refused commit says to have been later",
    "gap_time_differs",
    changing("g7", data({ time_past_grace_ms: 90_000 })),
  ),
  found(
    "a reservation expires before it is granted",
    "ttl_before_reserve",
    changing("r3", (told) => data({ ttl_expires_at: iso(told.atMs - 5_000) })(told)),
  ),
  found("a commit is dated before its reserve", "ends_before_reserve", changing("c1", later(-10_000))),
  found("an event is dated back", "time_runs_back", changing("c11", later(-1_800_000))),
  found("a retired key signs an event of today", "outside_window", changing("c1", { key: "retired" })),
  foundByPromise(
    "a grant ends sooner than it was answered, and expires",
    both(changing("r1", (told) => data({ ttl_expires_at: iso(told.atMs + 10_000) })(told))),
  ),
  foundByPromise(
    "a grant ends in a thousand years, so that its commit is not missed",
    both(without("c1"), changing("r1", data({ ttl_expires_at: "3026-01-01T00:00:00Z" }))),
    missing,
  ),
  unprovable("a grant that nobody asked for ends in a thousand years", ({ told, asked }) => ({
    asked,
    told: told.flatMap((event) =>
      event.slot === "r11"
        ? [
            event,
            {
              ...event,
              slot: "held",
              id: idOf("held"),
              decision: decisionOf(99),
              data: { ...event.data, reservation_id: "held", ttl_expires_at: "3026-01-01T00:00:00Z" },
            },
          ]
        : [event],
    ),
  })),
  // Whose they are.
  found("a reservation of another budget", "unexpected_budget_id", changing("r1", data({ budget_id: "teams" }))),
  found("a reservation of another tenant", "unexpected_tenant", ({ told, asked }) => ({
    asked,
    told: told.map((event) =>
      event.decision === decisionOf(1) ? { ...event, source: event.source.replace("acme", "evil") } : event,
    ),
  })),
  // What no event says.
  unprovable("reasons are others", changing("r9", data({ reason_codes: ["made_up"] }))),
  unprovable(
    "a grant is stated as one under caps",
    changing("r1", data({ decision: "ALLOW_WITH_CAPS", caps: [{ type: "max_tokens", params: { value: 1 } }] })),
  ),
  unprovable("a late commit is stated as over the cap", changing("l4", data({ over_cap_amount_atomic: "5" }))),
];
