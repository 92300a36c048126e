import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ClaimTerms, admit, nextUse } from "../../src/ledger/admit.ts";
import { type Attempt, isUse, pspSuffixOf, suffixOf } from "../../src/ledger/attempt.ts";

const attemptOf = (change: Partial<Attempt>): Attempt => ({
  claim: "c",
  phase: "settled",
  transactionId: "A",
  occurrence: 0,
  epoch: 0,
  amount: "1",
  microcents: "1",
  reserveBody: "{}",
  startedAtMs: 0,
  touchedAtMs: 0,
  ...change,
});

const dayMs = 86_400_000;
const total = 6n;
/** Hundred-millionths as a limit states them. */
const limitOf = (amount: bigint): string => `0.${String(amount).padStart(8, "0")}`;

const limits = fc.record(
  {
    frequency: fc.constantFrom("ON_DEMAND", "DAILY"),
    maxOccurrences: fc.integer({ min: 1, max: 4 }),
    budget: fc.bigInt(1n, 20n).map(limitOf),
  },
  { requiredKeys: [] },
);
const mandates = fc.record({ limits, ofDelegation: fc.record({ d1: limits, d2: limits }) });
const steps = fc.array(
  fc.record({
    transactionId: fc.constantFrom("A", "B", "C", "D"),
    amount: fc.bigInt(1n, 4n),
    leg: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    delegations: fc.subarray(["d1", "d2"] as const),
    end: fc.constantFrom<Partial<Attempt>>(
      { phase: "settled" },
      { phase: "charging" },
      { phase: "released" },
      { phase: "released", declined: true },
      { phase: "released", unproven: true },
    ),
    afterMs: fc.constantFrom(0, dayMs / 2, dayMs),
  }),
  { maxLength: 25 },
);
/** Another record keeps them. */
const elsewhere = new Set(["C", "D"]);

type Limits = NonNullable<ClaimTerms["limits"]>;

/** What was used keeps to the rules of a mandate. */
function expectWithin(used: readonly Attempt[], { frequency, maxOccurrences, budget }: Limits): void {
  const uses = [...new Set(used.map(({ transactionId }) => transactionId))];
  expect(uses.length).toBeLessThanOrEqual(Math.min(frequency === undefined ? 1 : Infinity, maxOccurrences ?? Infinity));
  const spent = used.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  if (budget !== undefined) expect(spent).toBeLessThanOrEqual(BigInt(budget.replace(".", "")));
  if (frequency !== "DAILY") return;
  const starts = uses.map((use) =>
    Math.min(...used.filter((one) => one.transactionId === use).map(({ startedAtMs }) => startedAtMs)),
  );
  const inOrder = starts.toSorted((one, other) => one - other);
  for (const [at, start] of inOrder.entries()) {
    if (at > 0) expect(start - (inOrder[at - 1] ?? 0)).toBeGreaterThanOrEqual(dayMs);
  }
}

describe("admit", () => {
  it("law: whatever is tried in whatever order, every rule holds, no use runs twice, no key is used twice", () => {
    fc.assert(
      fc.property(mandates, steps, ({ limits: own, ofDelegation }, tried) => {
        const attempts: Attempt[] = [];
        let nowMs = 0;
        for (const [at, { transactionId, amount, leg, delegations, end, afterMs }] of tried.entries()) {
          nowMs += afterMs;
          const terms: ClaimTerms = {
            transactionId,
            amount,
            leg,
            total,
            nowMs,
            limits: own,
            delegations: delegations.map((id) => ({ id, limits: ofDelegation[id] })),
          };
          const [others, kept] = [true, false].map((is) =>
            attempts.filter((one) => elsewhere.has(one.transactionId) === is),
          );
          const admission = admit(kept ?? [], terms, others);
          if (!("place" in admission)) continue;
          const fixed = { transactionId, delegations, amount: String(amount), claim: String(at), startedAtMs: nowMs };
          attempts.push(attemptOf({ ...admission.place, ...fixed, ...end }));
        }
        const used = attempts.filter(isUse);
        expectWithin(used, own);
        for (const id of ["d1", "d2"] as const) {
          const under = used.filter(({ delegations }) => delegations?.includes(id));
          expectWithin(under, ofDelegation[id]);
        }
        for (const use of new Set(used.map(({ transactionId }) => transactionId))) {
          const legs = used.filter(({ transactionId }) => transactionId === use);
          expect(new Set(legs.map(({ leg }) => leg)).size).toBe(legs.length);
          if (legs.length > 1) expect(legs.map(({ leg }) => leg)).not.toContain(undefined);
          const legged = legs.filter(({ leg }) => leg !== undefined);
          expect(legged.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBeLessThanOrEqual(total);
        }
        const kept = attempts.filter(({ transactionId }) => !elsewhere.has(transactionId));
        expect(new Set(kept.map(suffixOf)).size).toBe(kept.length);
        for (const [at, one] of kept.entries()) {
          const isOfUse = (other: Attempt): boolean => other.occurrence === one.occurrence && other.leg === one.leg;
          const next = kept.slice(at + 1).find(isOfUse);
          if (next) expect(pspSuffixOf(next) === pspSuffixOf(one)).toBe(one.declined !== true);
          // What may have been made as a whole after all is not made in legs, nor the reverse.
          const later = kept.slice(at + 1).filter(({ occurrence }) => occurrence === one.occurrence);
          if (one.unproven) expect(later.map(({ leg }) => leg === undefined)).not.toContain(one.leg !== undefined);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("a use with legs is not also one without", () => {
    const legs = [attemptOf({ leg: 1 })];
    expect(admit(legs, { transactionId: "A", amount: 1n, total: 5n, nowMs: 0 })).toHaveProperty("refused");
  });

  it.each([
    ["DAILY", "2026-01-31T12:00:00.000Z", "2026-02-01T12:00:00.000Z"],
    ["WEEKLY", "2026-01-31T12:00:00.000Z", "2026-02-07T12:00:00.000Z"],
    ["BIWEEKLY", "2026-01-31T12:00:00.000Z", "2026-02-14T12:00:00.000Z"],
    ["MONTHLY", "2026-01-31T12:00:00.000Z", "2026-02-28T12:00:00.000Z"],
    ["QUARTERLY", "2025-11-30T12:00:00.000Z", "2026-02-28T12:00:00.000Z"],
    ["ANNUALLY", "2024-02-29T12:00:00.000Z", "2025-02-28T12:00:00.000Z"],
  ])("%s after %s is %s", (frequency, since, next) => {
    expect(new Date(nextUse(Date.parse(since), frequency)).toISOString()).toBe(next);
  });
  it("an unknown frequency never comes round", () => {
    expect(nextUse(0, "toString")).toBe(Infinity);
  });
});
