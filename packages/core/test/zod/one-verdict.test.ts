import { amount, requestSubject } from "@imprest/core/models/cycles";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { pairs } from "./support.ts";
import { valuesFor } from "./values.ts";

/** Text in which a number and a bigint of the same value are the same. */
function onWire(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "bigint" || typeof part === "number" ? `#${part}` : part,
  );
}

describe("zod schemas", () => {
  it("there is one of every shape that the models export", () => {
    expect(pairs.length).toBeGreaterThan(140);
    expect(pairs.filter(({ shape }) => shape === undefined)).toEqual([]);
  });

  it.each(pairs)("$name and its shape read the same, and refuse the same (law)", ({ shape, schema }) => {
    fc.assert(
      fc.property(valuesFor(shape), (value) => {
        const read = shape.safeParse(value);
        const parsed = schema.safeParse(value);
        expect(parsed.success).toBe(read.success);
        if (read.success) expect(parsed.data).toEqual(read.data);
      }),
      { numRuns: 100 },
    );
  });

  it.each(pairs)("$name and its shape write the same, and what they write is read back (law)", ({ shape, schema }) => {
    fc.assert(
      fc.property(valuesFor(shape, true), (value) => {
        const read = shape.safeParse(value);
        fc.pre(read.success);
        const written = shape.safeWrite(read.data);
        const encoded = z.safeEncode(schema, read.data);
        expect(encoded.success).toBe(written.success);
        if (!written.success) return;
        // zod's is for `JSON.stringify`, which takes no bigint; on the wire it is the same.
        expect(onWire(encoded.data)).toBe(onWire(written.data));
        const again = shape.safeParse(written.data);
        expect(again.success).toBe(true);
        if (again.success) expect(shape.safeWrite(again.data)).toEqual(written);
      }),
      { numRuns: 100, maxSkipsPerRun: 1_000 },
    );
  });

  it("neither changes what it was given", () => {
    const request = Object.freeze({ tenant: "acme", dimensions: Object.freeze({ run: "7" }) });
    expect(requestSubject.safeParse(request)).toEqual({ success: true, data: request });
    const answer = Object.freeze({ unit: "TOKENS", amount: 5, extra: 1 });
    expect(amount.safeParse(answer)).toEqual({
      success: true,
      data: { unit: "TOKENS", amount: 5n, extra: 1 },
    });
  });

  it("a member named __proto__ is kept as a member and reaches no prototype", () => {
    const result = amount.safeParse(JSON.parse('{"unit":"TOKENS","amount":5,"__proto__":{"polluted":true}}'));
    expect(result.success && "polluted" in result.data).toBe(false);
    expect(result.success && Object.keys(result.data)).toContain("__proto__");
  });
});
