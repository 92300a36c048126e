import fc from "fast-check";
import { expect, it } from "vitest";
import { bySoonest, isUsedUp } from "../../src/pages/soonest.ts";
import { rowOf } from "../console/support.ts";

const amount = fc.oneof(
  fc.bigInt(-(1n << 63n), (1n << 63n) - 1n).map(String),
  fc.constantFrom("0", "-1", "1", "2", "", "1.5", "1e3", "9".repeat(300)),
);
const row = fc
  .record({
    id: fc.constantFrom("a", "b", "c"),
    remaining: amount,
    allocated: amount,
    status: fc.constantFrom(undefined, "ACTIVE", "FROZEN"),
    exhaustsAtMs: fc.constantFrom(undefined, 1, 2),
  })
  .map(({ id, remaining, allocated, status, exhaustsAtMs }) => ({
    ...rowOf(id, { remaining, allocated, ...(status !== undefined && { status }) }),
    ...(exhaustsAtMs !== undefined && { exhaustsAtMs }),
  }));

it("budgets are ordered by what is used up, what runs out sooner, what has the smaller share left", () => {
  const rows = [
    rowOf("half", { remaining: "500" }),
    rowOf("full"),
    { ...rowOf("later"), exhaustsAtMs: 2 },
    rowOf("frozen", { remaining: "0", status: "CLOSED", allocated: "0" }),
    { ...rowOf("sooner"), exhaustsAtMs: 1 },
    rowOf("out", { remaining: "-1" }),
  ];
  const order = rows.toSorted(bySoonest).map(({ id }) => id);
  expect(order).toEqual(["out", "sooner", "later", "frozen", "half", "full"]);
});

it("shares that differ by less than a float holds are told apart", () => {
  const more = rowOf("a", { remaining: "9007199254740993", allocated: "9223372036854775807" });
  const less = rowOf("b", { remaining: "9007199254740992", allocated: "9223372036854775807" });
  expect([more, less].toSorted(bySoonest)).toEqual([less, more]);
});

it("the order has no circle, whatever the amounts are, texts that are none included", () => {
  fc.assert(
    fc.property(row, row, row, (one, two, three) => {
      expect(Math.sign(bySoonest(one, two))).toBe(-Math.sign(bySoonest(two, one)) || 0);
      if (bySoonest(one, two) <= 0 && bySoonest(two, three) <= 0) expect(bySoonest(one, three)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 2_000 },
  );
});

it("a budget that is frozen or closed, or whose remainder is no amount, is not used up", () => {
  expect(isUsedUp({ remaining: "0" })).toBe(true);
  expect(isUsedUp({ remaining: "-1", status: "ACTIVE" })).toBe(true);
  expect(isUsedUp({ remaining: "1" })).toBe(false);
  expect(isUsedUp({ remaining: "0", status: "FROZEN" })).toBe(false);
  expect(isUsedUp({ remaining: "" })).toBe(false);
});
