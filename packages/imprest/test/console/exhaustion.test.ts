import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Sample, exhaustsAt } from "../../src/cli/console/exhaustion.ts";

const minute = 60_000;
const now = { wallMs: 1_800_000_000_000, monotonicMs: 100 * minute };

function row(remaining: bigint, spent: bigint, more = {}) {
  return { remaining: String(remaining), spent: String(spent), ...more };
}

function sample(minutesAgo: number, spent: bigint): Sample {
  return { monotonicMs: now.monotonicMs - minutesAgo * minute, spent };
}

describe("when a budget runs out", () => {
  it("is what remains, at the rate of the last ten minutes", () => {
    expect(exhaustsAt(row(300n, 100n), [sample(10, 0n)], now)).toBe(now.wallMs + 30 * minute);
    expect(exhaustsAt(row(300n, 100n), [sample(60, 0n), sample(10, 0n), sample(5, 90n)], now)).toBe(
      now.wallMs + 30 * minute,
    );
  });

  it("is exact where the amounts are larger than a float holds: not a millisecond early, not one late", () => {
    const int64 = (1n << 63n) - 1n;
    fc.assert(
      fc.property(
        fc.bigInt(1n, int64),
        fc.bigInt(0n, int64 - 1n),
        fc.bigInt(1n, int64),
        fc.integer({ min: 5_000, max: 600_000 }),
        (remaining, before, spent, elapsedMs) => {
          const samples = [{ monotonicMs: now.monotonicMs - elapsedMs, spent: before }];
          const at = exhaustsAt(row(remaining, before + spent), samples, now);
          if (at === undefined) {
            // Beyond what a date can be.
            expect(BigInt(now.wallMs) + (remaining * BigInt(elapsedMs)) / spent).toBeGreaterThan(
              8_640_000_000_000_000n,
            );
            return;
          }
          const inMs = BigInt(at - now.wallMs);
          expect(inMs * spent).toBeLessThanOrEqual(remaining * BigInt(elapsedMs));
          expect((inMs + 1n) * spent).toBeGreaterThan(remaining * BigInt(elapsedMs));
        },
      ),
    );
  });

  it("is not invented: without samples, without spend, after a moment only, or with nothing left there is none", () => {
    expect(exhaustsAt(row(300n, 100n), [], now)).toBeUndefined();
    expect(exhaustsAt(row(300n, 100n), [sample(10, 100n)], now)).toBeUndefined();
    expect(exhaustsAt(row(300n, 100n), [sample(0.05, 0n)], now)).toBeUndefined();
    expect(exhaustsAt(row(300n, 100n), [sample(11, 0n)], now)).toBeUndefined();
    expect(exhaustsAt(row(0n, 100n), [sample(10, 0n)], now)).toBeUndefined();
    expect(exhaustsAt(row(-5n, 100n), [sample(10, 0n)], now)).toBeUndefined();
    expect(exhaustsAt(row(300n, 100n, { status: "FROZEN" }), [sample(10, 0n)], now)).toBeUndefined();
  });

  it("begins anew where a period did, and is none where the next one comes first", () => {
    expect(exhaustsAt(row(300n, 20n), [sample(9, 500n), sample(2, 0n)], now)).toBe(now.wallMs + 30 * minute);
    const ending = (endsAtMs: number) => row(300n, 100n, { period: { startsAtMs: 0, endsAtMs } });
    expect(exhaustsAt(ending(now.wallMs + 30 * minute), [sample(10, 0n)], now)).toBeUndefined();
    expect(exhaustsAt(ending(now.wallMs + 31 * minute), [sample(10, 0n)], now)).toBe(now.wallMs + 30 * minute);
  });
});
