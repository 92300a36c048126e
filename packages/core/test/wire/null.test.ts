import type { Shape } from "@imprest/core/internal";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pairs } from "../zod/support.ts";
import { valuesFor } from "../zod/values.ts";

// Servers and clients write `null` for what is not there.

/** The optional members of an object that `null` leaves out; where null is a value of its own, it is none of them. */
function optionalMembers(shape: Shape<unknown>): string[] {
  const { parts } = shape;
  if (parts.kind === "refined") return optionalMembers(parts.inner);
  if (parts.kind !== "object") return [];
  return Object.entries(parts.members).flatMap(([name, member]) =>
    member.parts.kind === "optional" && member.parts.isAbsent(null) ? [name] : [],
  );
}

const models = pairs
  .map(({ name, shape }) => ({ name, shape, optional: optionalMembers(shape) }))
  .filter(({ optional }) => optional.length > 0);

describe("null and absent", () => {
  it("is asked of every model with an optional member", () => {
    expect(models.length).toBeGreaterThan(100);
  });

  it.each(models)("$name: a null for an optional member reads and writes as none (law)", ({ shape, optional }) => {
    fc.assert(
      fc.property(valuesFor(shape, true), fc.subarray(optional), (value, names) => {
        const left = { ...(value as Record<string, unknown>) };
        for (const name of names) delete left[name];
        const nulled = { ...left, ...Object.fromEntries(names.map((name) => [name, null])) };
        expect(shape.safeParse(nulled)).toEqual(shape.safeParse(left));
        expect(shape.safeWrite(nulled)).toEqual(shape.safeWrite(left));
      }),
      { numRuns: 30 },
    );
  });
});
