import {
  ValidationError,
  addAmounts,
  amount,
  compareAmounts,
  credits,
  formatAmount,
  parseAmount,
  riskPoints,
  subtractAmounts,
  tokens,
  usd,
  usdMicrocents,
} from "@imprest/core";
import {
  assertAmount,
  divideRoundingUp,
  formatDecimal,
  int64Max,
  int64Min,
  isInt64,
  parseDecimal,
} from "@imprest/core/internal";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const issue = (pointer: string) => expect.objectContaining({ issues: [expect.objectContaining({ pointer })] });

describe("usd", () => {
  it.each([
    ["0.05", 5_000_000n],
    ["1", 100_000_000n],
    ["0.00000001", 1n],
    ["-2.5", -250_000_000n],
    ["90071992547.40993", 9_007_199_254_740_993_000n],
    [3, 300_000_000n],
    [3n, 300_000_000n],
  ] as const)("%s is %s microcents", (dollars, expected) => {
    expect(usd(dollars)).toEqual({ unit: "USD_MICROCENTS", amount: expected });
  });

  it.each([0.05, Number.NaN, Infinity, -Infinity, 2 ** 53, 1e300])(
    "refuses the number %s and names the field",
    (value) => {
      expect(() => usd(value)).toThrow(issue("/usd"));
    },
  );

  it.each(["", " 1", "1.", ".5", "+1", "1e2", "0x10", "1,000", "$1", "NaN", "Infinity", "1_000", "١", "1.2.3", "--1"])(
    "refuses the text %o",
    (text) => {
      expect(() => usd(text)).toThrow(ValidationError);
    },
  );

  it("refuses a ninth decimal place, even a zero", () => {
    expect(() => usd("0.000000001")).toThrow("more than 8 decimal places");
    expect(() => usd("0.000000000")).toThrow("more than 8 decimal places");
  });
});

describe("other units", () => {
  it("take bigints, safe integers and whole decimal text", () => {
    expect(tokens(1200)).toEqual({ unit: "TOKENS", amount: 1200n });
    expect(credits("7")).toEqual({ unit: "CREDITS", amount: 7n });
    expect(riskPoints(2n ** 62n)).toEqual({ unit: "RISK_POINTS", amount: 2n ** 62n });
    expect(usdMicrocents(5)).toEqual({ unit: "USD_MICROCENTS", amount: 5n });
    expect(amount("EUR", 1)).toEqual({ unit: "EUR", amount: 1n });
  });

  it.each([1.5, Number.NaN, 2 ** 53, "1.5", "", true as unknown as number, null as unknown as number])(
    "refuse %o",
    (value) => {
      expect(() => tokens(value)).toThrow(issue("/TOKENS"));
    },
  );

  it("refuses an empty unit", () => {
    expect(() => amount("", 1)).toThrow(issue("/unit"));
  });
});

describe("arithmetic", () => {
  it("adds, subtracts and compares within one unit only", () => {
    expect(addAmounts(usd("0.01"), usd("0.02"))).toEqual(usd("0.03"));
    expect(subtractAmounts(usd("0.01"), usd("0.02"))).toEqual(usd("-0.01"));
    expect([compareAmounts(usd(1), usd(2)), compareAmounts(usd(2), usd(2)), compareAmounts(usd(3), usd(2))]).toEqual([
      -1, 0, 1,
    ]);
    for (const combine of [addAmounts, subtractAmounts, compareAmounts])
      expect(() => combine(usd(1), tokens(1))).toThrow("do not mix");
  });

  it("rounds up towards positive infinity", () => {
    expect([
      divideRoundingUp(7n, 2n),
      divideRoundingUp(6n, 2n),
      divideRoundingUp(-7n, 2n),
      divideRoundingUp(0n, 5n),
    ]).toEqual([4n, 3n, -3n, 0n]);
  });
});

describe("assertAmount", () => {
  it.each([
    [null, "/estimate"],
    [5, "/estimate"],
    [{ amount: 1n }, "/estimate/unit"],
    [{ unit: "USD", amount: 1 }, "/estimate/amount"],
    [{ unit: "USD", amount: "1" }, "/estimate/amount"],
  ])("%o: names %s", (value, pointer) => {
    expect(() => assertAmount(value, "estimate")).toThrow(issue(pointer));
  });
});

it("isInt64 ends exactly where a signed 64-bit integer does", () => {
  expect([int64Min, -1n, 0n, int64Max].map(isInt64)).toEqual([true, true, true, true]);
  expect([int64Min - 1n, int64Max + 1n].map(isInt64)).toEqual([false, false]);
  expect([int64Min, int64Max]).toEqual([-(2n ** 63n), 2n ** 63n - 1n]);
});

describe("laws", () => {
  it("formatDecimal and parseDecimal are inverse for any scale", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.nat(20), (value, scale) => {
        expect(parseDecimal(formatDecimal(value, scale), scale)).toBe(value);
      }),
    );
  });

  it("formatAmount of dollars reads back exactly", () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        const text = formatAmount(usdMicrocents(value));
        expect(usd(text.replace("$", ""))).toEqual(usdMicrocents(value));
      }),
    );
    expect(formatAmount(tokens(12))).toBe("12 TOKENS");
    expect(formatAmount(usd("-0.05"))).toBe("-$0.05");
  });
});

describe("parseAmount", () => {
  it.each([
    ["$5.00", usd("5")],
    ["$ 0.05", usd("0.05")],
    ["-$0.05", usd("-0.05")],
    ["USD:5.00", usd("5")],
    ["TOKENS:1200", tokens(1200)],
    ["1200 TOKENS", tokens(1200)],
    [" usd_atomic:7 ", amount("usd_atomic", 7)],
  ])("reads %s", (text, expected) => {
    expect(parseAmount(text)).toEqual(expected);
  });

  it.each(["", "5.00", "5,00 USD", "$", "$1e3", "USD:", "USD:1.123456789", "TOKENS:1.5", "$5.00 each", null, 5])(
    "refuses %s, and says what to write",
    (text) => {
      expect(() => parseAmount(text as string)).toThrow(ValidationError);
    },
  );

  it("reads what formatAmount writes (law)", () => {
    const law = fc.property(fc.constantFrom("USD_MICROCENTS", "TOKENS", "usd_atomic"), fc.bigInt(), (unit, whole) => {
      expect(parseAmount(formatAmount({ unit, amount: whole }))).toEqual({ unit, amount: whole });
    });
    fc.assert(law);
  });
});
