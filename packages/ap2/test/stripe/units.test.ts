import { AP2CurrencyError } from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { stripeUnitsOf } from "../../src/stripe/units.ts";

describe("a payment's amount as Stripe counts", () => {
  it.each([
    ["USD", 19_900n, 19_900n],
    ["JPY", 500n, 500n],
    ["KWD", 5_120n, 5_120n],
    ["isk", 5n, 500n],
    ["UGX", 3_700n, 370_000n],
    ["MGA", 4_500_000n, 45_000n],
  ])("is of %s, %i minor units, %i", (currency, minorUnits, expected) => {
    expect(stripeUnitsOf({ currency, minorUnits })).toBe(expected);
  });

  it("is refused where Stripe has no unit as small", () => {
    expect(() => stripeUnitsOf({ currency: "MGA", minorUnits: 4_500_020n })).toThrow(AP2CurrencyError);
  });
});
