import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Position, pageOf } from "../../src/ledger/page.ts";

describe("pageOf", () => {
  it("hands out what a full sort would, page by page, whatever the values, their ties and the limit", () => {
    const value = fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }));
    const rows = fc.uniqueArray(fc.tuple(value, fc.string({ minLength: 1, maxLength: 3 })), {
      selector: ([, identity]) => identity,
      maxLength: 40,
    });
    fc.assert(
      fc.property(rows, fc.boolean(), fc.integer({ min: 1, max: 12 }), (all, descending, limit) => {
        const order = { descending, filter: ["f"] };
        const seen: Position[] = [];
        let cursor: string | undefined;
        do {
          const page = pageOf(all, (row): Position => row, order, { limit, cursor });
          seen.push(...page.rows);
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        const sorted = [...all].sort(([one, a], [other, b]) => {
          if (one !== other) return one < other ? -1 : 1;
          return a < b ? -1 : a > b ? 1 : 0;
        });
        expect(seen).toEqual(descending ? sorted.toReversed() : sorted);
      }),
    );
  });
});

describe("a page of large rows", () => {
  it("ends where it is full, shows each row once, and one at least however large it is", () => {
    const rows = Array.from({ length: 7 }, (_, at) => at);
    const order = { descending: false, filter: "f", bytesOf: (row: number) => (row === 3 ? 600_000 : 50_000) };
    const seen: number[][] = [];
    let cursor: string | undefined;
    do {
      const page = pageOf(rows, (row) => [row, String(row)], order, { limit: 200, cursor });
      seen.push([...page.rows]);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual([[0, 1], [2], [3], [4, 5], [6]]);
  });
});
