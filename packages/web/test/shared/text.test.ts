import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { moneyText, share, withDollars } from "../../src/shared/money.ts";
import { grouped, shortened, visible } from "../../src/shared/text.ts";
import { durationText, machineTime, spanText, timeText } from "../../src/shared/time.ts";

describe("another party's text", () => {
  it("shows marks of direction, controls and line separators as what they are", () => {
    expect(visible("refund\u202Etxt.exe")).toBe("refund\\u202etxt.exe");
    expect(visible("a\u0000b\nc\u2028d\u200Be\u2066f\uFEFF")).toBe("a\\u0000b\\u000ac\\u2028d\\u200be\\u2066f\\ufeff");
    expect(visible("\u{E0041}")).toBe("\\ue0041");
  });

  it("leaves every letter, digit and sign of any script as it is", () => {
    for (const text of ["naïve café", "預算 42 €", "مرحبا", "👍🏽 <b>&amp;"]) expect(visible(text)).toBe(text);
  });

  it("never contains an invisible character, whatever it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(visible(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });

  it("is cut to a length, without parting a pair of surrogates", () => {
    expect(shortened("abcdef", 4)).toBe("abc…");
    expect(shortened("abcd", 4)).toBe("abcd");
    expect(shortened("ab👍cd", 4)).toBe("ab…");
  });
});

describe("an amount", () => {
  it.each([
    ["5000000", "USD_MICROCENTS", "$0.05"],
    ["50000000", "USD_MICROCENTS", "$0.50"],
    ["0", "USD_MICROCENTS", "$0.00"],
    ["-150000000", "USD_MICROCENTS", "-$1.50"],
    ["1", "USD_MICROCENTS", "$0.00000001"],
    ["123456789012345678", "USD_MICROCENTS", "$1,234,567,890.12345678"],
    ["9223372036854775807", "TOKENS", "9,223,372,036,854,775,807 TOKENS"],
  ])("%s %s is shown as %s, exact", (amount, unit, text) => {
    expect(moneyText(amount, unit)).toBe(text);
  });

  it("that is none is shown as it came, and breaks nothing", () => {
    expect(moneyText("1e9", "TOKENS")).toBe("1e9 TOKENS");
    expect(moneyText("9".repeat(1_000_000), "TOKENS").length).toBeLessThan(30);
  });

  it("keeps every digit, of any size", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(moneyText(String(value), "TOKENS").replace(" TOKENS", "").replaceAll(",", "")).toBe(String(value));
      }),
    );
  });

  it("of microcents in a sentence is read as dollars, and nothing else of the sentence changes", () => {
    expect(withDollars("Fund tenant:a budget by at least 254300 USD_MICROCENTS.")).toBe(
      "Fund tenant:a budget by at least $0.002543.",
    );
    expect(withDollars("tenant:5 USD_MICROCENTSX, a-7 USD_MICROCENTS, 12 TOKENS")).toBe(
      "tenant:5 USD_MICROCENTSX, a-7 USD_MICROCENTS, 12 TOKENS",
    );
  });

  it("as a part of another is between nothing and all of it", () => {
    expect(share("25", "100")).toBe(0.25);
    expect(share("300", "100")).toBe(1);
    expect(share("-5", "100")).toBe(0);
    expect(share("5", "0")).toBe(0);
    expect(share("no", "100")).toBe(0);
  });
});

it("digits are grouped in threes", () => {
  expect(["1", "123", "1234", "1234567"].map(grouped)).toEqual(["1", "123", "1,234", "1,234,567"]);
});

describe("a time", () => {
  const noon = new Date(2026, 10, 29, 12, 0, 5).getTime();

  it("has its date where that is not today", () => {
    expect(timeText(noon, noon + 60_000)).toBe("12:00:05");
    expect(timeText(noon, noon + 86_400_000)).toBe("29 Nov 2026 12:00:05");
  });

  it("that no calendar holds is a dash", () => {
    expect(timeText(Number.NaN, noon)).toBe("–");
    expect(timeText(1e300, noon)).toBe("–");
    expect(machineTime(1e300)).toBeUndefined();
  });

  it.each([
    [8_000, "8 s"],
    [250_000, "4 min 10 s"],
    [240_000, "4 min"],
    [7_500_000, "2 h 5 min"],
    [(3 * 24 + 4) * 3_600_000, "3 d 4 h"],
    [-5, "0 s"],
    [Number.NaN, "–"],
  ])("of %d ms is said by its two largest units: %s", (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  it("below a second is said in milliseconds", () => {
    expect([380, 1_240, 65_000].map(spanText)).toEqual(["380 ms", "1.2 s", "1 min 5 s"]);
  });
});
