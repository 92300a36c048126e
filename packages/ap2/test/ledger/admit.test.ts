import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ClaimTerms, admit, nextUse } from "../../src/ledger/admit.ts";
import { type Attempt, isUse, suffixOf } from "../../src/ledger/attempt.ts";

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

describe("admit", () => {
  it("law: whatever is tried in whatever order, limits hold, no use runs twice, no key is used twice", () => {
    const step = fc.record({
      transactionId: fc.constantFrom("A", "B", "C", "D"),
      amount: fc.bigInt(1n, 6n),
      ends: fc.constantFrom<Attempt["phase"]>("settled", "released", "charging"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 3 }), (steps, maxOccurrences) => {
        let attempts: Attempt[] = [];
        for (const [at, { transactionId, amount, ends }] of steps.entries()) {
          const terms: ClaimTerms = {
            transactionId,
            amount,
            total: amount,
            nowMs: 0,
            limits: { maxOccurrences, budget: "0.00000010" },
          };
          const admission = admit(attempts, terms);
          if (!("place" in admission)) continue;
          attempts = [
            ...attempts,
            attemptOf({ ...admission.place, transactionId, amount: String(amount), claim: String(at), phase: ends }),
          ];
        }
        const used = attempts.filter(isUse);
        expect(used.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBeLessThanOrEqual(10n);
        expect(used.length).toBeLessThanOrEqual(maxOccurrences);
        expect(new Set(used.map(({ transactionId }) => transactionId)).size).toBe(used.length);
        expect(new Set(attempts.map(suffixOf)).size).toBe(attempts.length);
      }),
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
