import fc from "fast-check";
import type { AuditEvent } from "@imprest/core/models/asp";
import { expect, test } from "vitest";
import { Conservation } from "../../src/explorer/audit/conservation.ts";

const time = "2026-06-01T12:00:00.000Z";

function event(at: number, suffix: AuditEvent["suffix"], data: object, source = "https://a.example/asp"): AuditEvent {
  const common = { decision_id: `d-${at}`, reservation_id: `r-${at}`, kid: "k", event_time: time };
  const type = `org.agentspend.audit.${suffix}`;
  const envelope = { id: `${suffix}-${at}`, source, type, datacontenttype: "application/json", time, suffix };
  return { ...envelope, data: { ...common, ...data } } as AuditEvent;
}

const amount = fc.bigInt(1n, 10n ** 30n);
const ending = fc.oneof(
  fc.record({ end: fc.constantFrom("held", "release", "expired", "late", "rejected" as const), observed: amount }),
  fc.record({ end: fc.constant("commit" as const), observed: fc.bigInt(0n, 10n ** 31n) }),
);
const history = fc.record({ budget: fc.constantFrom("a", "b"), reserved: amount, how: ending, refunded: fc.boolean() });

/** What an honest authority emits of one decision (ASP §3). */
function eventsOf(
  { budget, reserved, how, refunded }: typeof history extends fc.Arbitrary<infer T> ? T : never,
  at: number,
): AuditEvent[] {
  const { observed } = how;
  const granted = { budget_id: budget, unit: "u", decision: "ALLOW", amount_atomic_reserved: reserved };
  const over = {
    amount_atomic_observed: observed,
    amount_atomic_reserved: reserved,
    overage_amount_atomic: observed - reserved,
  };
  const expired = event(at, "ttl_expired", { capacity_returned_atomic: reserved });
  const refund = refunded ? [event(at, "refund", { amount_atomic_refunded: 1n })] : [];
  const events = {
    held: [],
    release: [event(at, "release", {})],
    expired: [expired],
    late: [expired, event(at, "late_commit", { amount_atomic_observed: observed }), ...refund],
    rejected: [event(at, "overage_rejected", over)],
    commit:
      observed > reserved
        ? [
            event(at, "commit", { amount_atomic_observed: observed, charge_amount_atomic: observed - reserved }),
            event(at, "overage_charged", over),
            ...refund,
          ]
        : [
            event(at, "commit", { amount_atomic_observed: observed, refund_amount_atomic: reserved - observed }),
            ...refund,
          ],
  };
  return [event(at, "reserve", granted), ...events[how.end]];
}

function sumsOf(events: readonly AuditEvent[]): Conservation {
  const sums = new Conservation();
  for (const one of events) sums.add(one, Number(one.data.decision_id.slice(2)) + 1);
  return sums;
}

test("whatever an honest authority does, what came in is what became of it, to the last digit", () => {
  fc.assert(
    fc.property(fc.array(history, { maxLength: 30 }), (histories) => {
      const { sums, unsummed } = sumsOf(histories.flatMap(eventsOf));
      expect(unsummed).toBe(0);
      expect(sums.map(({ difference }) => difference)).toEqual(sums.map(() => "0"));
      const reserved = histories.reduce((sum, one) => sum + one.reserved, 0n);
      expect(sums.reduce((sum, row) => sum + BigInt(row.reserved), 0n)).toBe(reserved);
      const spent = histories.filter(({ how }) => how.end === "commit" || how.end === "late");
      const committed = spent.reduce((sum, { how }) => sum + how.observed, 0n);
      expect(sums.reduce((sum, row) => sum + BigInt(row.committed), 0n)).toBe(committed);
    }),
  );
});

test("a commit that claims to give back another amount shows as the difference", () => {
  const granted = { budget_id: "a", unit: "u", decision: "ALLOW", amount_atomic_reserved: 100n };
  const lie = event(0, "commit", { amount_atomic_observed: 60n, refund_amount_atomic: 39n });
  expect(sumsOf([event(0, "reserve", granted), lie]).sums).toMatchObject([
    { difference: "1", committed: "60", returned: "39" },
  ]);
});

test("events of another source, or without their reserve, are in no sum", () => {
  const granted = { budget_id: "a", unit: "u", decision: "ALLOW", amount_atomic_reserved: 100n };
  const commit = { amount_atomic_observed: 100n, exact_match: true };
  const sums = sumsOf([
    event(0, "reserve", granted),
    event(0, "commit", commit, "https://b.example/asp"),
    event(1, "commit", commit),
  ]);
  expect(sums.unsummed).toBe(2);
  expect(sums.sums).toMatchObject([{ held: "100", committed: "0", difference: "0" }]);
});
