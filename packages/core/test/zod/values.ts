import type { Shape } from "@imprest/core/internal";
import fc from "fast-check";

const hex = "0123456789abcdef".repeat(8);

/** Values of which each leaf takes some and refuses the others. */
const pool: readonly unknown[] = [
  ..."ALLOW ALLOW_WITH_CAPS DENY ACTIVE COMMITTED RELEASED APPLIED USD_MICROCENTS TOKENS REJECT OBSERVE".split(" "),
  ..."BUDGET_EXCEEDED created_at_ms asc decide reserve commit release error cycles-evidence/v0.1".split(" "),
  "acme",
  "",
  "a b",
  ":",
  "👍".repeat(40),
  "x".repeat(300),
  hex.slice(0, 32),
  hex.slice(0, 64),
  hex,
  "Name.x-1",
  "POST /v1/decide",
  "POST /v1/reservations",
  "2026-01-31T00:00:00Z",
  "2025-01-31T00:00:00Z",
  " ",
  "yesterday",
  `did:cycles:${hex.slice(0, 64)}#key`,
  "123",
  "0",
  "AAAA",
  "01",
  "DEBIT",
  "mandate.payment.1",
  "mandate.payment.open.1",
  "mandate.checkout.1",
  "mandate.checkout.open.1",
  "charge_overage",
  "fail_open_override",
  "00000000-0000-4000-8000-00000000000A",
  0,
  1,
  50,
  1000,
  404,
  60_000,
  -1,
  1.5,
  2 ** 53,
  -(2 ** 53),
  Number.NaN,
  0n,
  2n ** 62n,
  -(2n ** 62n),
  2n ** 63n,
  true,
  false,
  null,
  undefined,
  {},
  [],
  ["acme"],
  { k: "v" },
  { "A b": 1 },
];

/** zod keeps no member of this name; a shape keeps it as any other. */
const key = fc.string().filter((name) => name !== "__proto__");

/** Values for a shape: mostly what it takes, so that the checks behind the first one are reached too; only those if `fits`. */
export function valuesFor(shape: Shape<unknown>, fits = false): fc.Arbitrary<unknown> {
  const taken = pool.filter((value) => shape.safeParse(value).success);
  const junk = fc.oneof(fc.constantFrom(...pool), fc.anything({ withBigInt: true, key }));
  const anything = { weight: fits ? 0 : 1, arbitrary: junk };
  const pooled = taken.length === 0 ? [] : [{ weight: 4, arbitrary: fc.constantFrom(...taken) }];
  const { parts } = shape;
  switch (parts.kind) {
    case "optional":
      return fc.oneof(
        { weight: 2, arbitrary: fc.constantFrom(undefined, null) },
        { weight: 5, arbitrary: valuesFor(parts.inner, fits) },
      );
    case "refined":
      return fc.oneof(...pooled, { weight: 30, arbitrary: valuesFor(parts.inner, fits) }, anything);
    case "tolerant":
      return fc.oneof(...pooled, { weight: 8, arbitrary: valuesFor(parts.written, fits) }, anything);
    case "union":
      return fc.oneof(...parts.options.map((option) => valuesFor(option, fits)), anything);
    case "variants":
      return fc.oneof(...Object.values(parts.byText).map((option) => valuesFor(option, fits)), anything);
    case "record":
      return fc.oneof(
        { weight: 20, arbitrary: fc.dictionary(fc.constantFrom("a", "B b", "toString"), valuesFor(parts.item, fits)) },
        anything,
      );
    case "list":
      return fc.oneof({ weight: 30, arbitrary: fc.array(valuesFor(parts.item, fits), { maxLength: 3 }) }, anything);
    case "object": {
      const members = Object.entries(parts.members).map(([name, member]) => [name, valuesFor(member, fits)] as const);
      const whole = fc.record(Object.fromEntries(members));
      const partial = fc.record(Object.fromEntries(members), { requiredKeys: [] });
      const more = whole.map((value) => ({ ...value, later_version: 1 }));
      return fc.oneof(
        { weight: 40, arbitrary: whole },
        { weight: fits ? 0 : 2, arbitrary: partial },
        { weight: parts.others === "refused" && fits ? 0 : 4, arbitrary: more },
        anything,
      );
    }
    default: {
      const words = "schema" in parts && parts.schema.enum;
      if (words) return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...words) }, anything);
      return fc.oneof(...pooled, ...pooled, ...pooled, anything);
    }
  }
}
