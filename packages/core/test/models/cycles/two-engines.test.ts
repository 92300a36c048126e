import { type Shape, type WireSchema, issuesOf } from "@imprest/core/internal";
import * as published from "@imprest/core/models/cycles";
import * as evidence from "@imprest/core/models/cycles/evidence-shapes";
import * as governance from "@imprest/core/models/cycles/governance-shapes";
import * as runtime from "@imprest/core/models/cycles/shapes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const shapes = { ...runtime, ...governance, ...evidence };

/** Every published zod schema beside the shape of the same name that the clients read by. */
const pairs = Object.entries(published as Readonly<Record<string, unknown>>)
  .filter(([name]) => name.endsWith("Schema"))
  .map(([name, schema]) => {
    const shape = (shapes as Readonly<Record<string, unknown>>)[name.replace(/Schema$/, "Shape")];
    return [name, schema as WireSchema<unknown>, shape as Shape<unknown>] as const;
  });

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

/** Values for a shape: mostly what it takes, so that the checks behind the first one are reached too. */
function valuesFor(shape: Shape<unknown>): fc.Arbitrary<unknown> {
  const taken = pool.filter((value) => shape.safeParse(value).success);
  const anything = { weight: 1, arbitrary: fc.oneof(fc.constantFrom(...pool), fc.anything({ withBigInt: true })) };
  const pooled = taken.length === 0 ? [] : [{ weight: 4, arbitrary: fc.constantFrom(...taken) }];
  const { parts } = shape;
  switch (parts.kind) {
    case "optional":
      return fc.oneof(
        { weight: 2, arbitrary: fc.constantFrom(undefined, null) },
        { weight: 5, arbitrary: valuesFor(parts.inner) },
      );
    case "refined":
      return fc.oneof(...pooled, { weight: 30, arbitrary: valuesFor(parts.inner) }, anything);
    case "list":
      return fc.oneof({ weight: 30, arbitrary: fc.array(valuesFor(parts.item), { maxLength: 3 }) }, anything);
    case "object": {
      const members = Object.entries(parts.members).map(([name, member]) => [name, valuesFor(member)] as const);
      const whole = fc.record(Object.fromEntries(members));
      const partial = fc.record(Object.fromEntries(members), { requiredKeys: [] });
      const more = whole.map((value) => ({ ...value, later_version: 1 }));
      return fc.oneof(
        { weight: 40, arbitrary: whole },
        { weight: 2, arbitrary: partial },
        { weight: 4, arbitrary: more },
        anything,
      );
    }
    default:
      return fc.oneof(...pooled, ...pooled, ...pooled, anything);
  }
}

/** Every issue: the twenty that are reported of each engine need not be the same twenty. */
function complaints(result: ReturnType<Shape<unknown>["safeParse"]>): string[] {
  if (result.success) return [];
  const issues = result.error.issues.flatMap((issue) => issuesOf({ issues: [issue] }));
  return issues.map(({ pointer, message }) => `${pointer} ${message}`);
}

describe("the published zod schemas and the clients' shapes", () => {
  it("come in pairs", () => {
    expect(pairs.length).toBeGreaterThan(30);
    expect(pairs.filter(([, , shape]) => shape === undefined)).toEqual([]);
  });

  it.each(pairs)(
    "%s and its shape read the same, and refuse the same for the same reasons (law)",
    (_name, schema, shape) => {
      fc.assert(
        fc.property(valuesFor(shape), (value) => {
          const read = shape.safeParse(value);
          const parsed = schema.safeParse(value);
          expect(parsed.success).toBe(read.success);
          if (read.success) expect(parsed.data).toEqual(read.data);
          // zod also judges an object as a whole that has a member too many.
          else expect(complaints(parsed)).toEqual(expect.arrayContaining(complaints(read)));
        }),
        { numRuns: 150 },
      );
    },
  );

  it("neither changes what it was given", () => {
    const request = Object.freeze({ tenant: "acme", dimensions: Object.freeze({ run: "7" }) });
    expect(shapes.requestSubjectShape.safeParse(request)).toEqual({ success: true, data: request });
    const answer = Object.freeze({ unit: "TOKENS", amount: 5, extra: 1 });
    expect(shapes.amountShape.safeParse(answer)).toEqual({
      success: true,
      data: { unit: "TOKENS", amount: 5n, extra: 1 },
    });
  });

  it("a member named __proto__ is kept as a member and reaches no prototype", () => {
    const result = shapes.amountShape.safeParse(
      JSON.parse('{"unit":"TOKENS","amount":5,"__proto__":{"polluted":true}}'),
    );
    expect(result.success && "polluted" in result.data).toBe(false);
    expect(result.success && Object.keys(result.data)).toContain("__proto__");
  });
});
