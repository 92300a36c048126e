import { type Shape, issuesOf } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { text } from "../../src/wire/leaves.ts";
import { leaf, list, object, record } from "../../src/wire/shape.ts";
import { toZod } from "@imprest/core/zod";

let asked = 0;
const counted = leaf<string>(
  (value) => {
    asked += 1;
    return typeof value === "string";
  },
  "must be text",
  {},
);

describe.each<[string, (shape: Shape<unknown>) => Pick<Shape<unknown>, "safeParse">]>([
  ["a shape", (shape) => shape],
  ["its zod schema", (shape) => toZod(shape)],
])("%s", (_name, readerOf) => {
  it("gives a list up at its twentieth issue instead of reading it to its end", () => {
    asked = 0;
    const result = readerOf(object({ tags: list(counted) })).safeParse({
      tags: Array.from({ length: 100_000 }, () => 1),
    });
    expect(result.success).toBe(false);
    if (!result.success) expect(issuesOf(result.error)).toHaveLength(20);
    expect(asked).toBeLessThan(100);
  });

  it("reads a long list that is right", () => {
    const tags = Array.from({ length: 1_000 }, () => "x");
    expect(readerOf(object({ tags: list(text) })).safeParse({ tags })).toEqual({ success: true, data: { tags } });
  });

  it("cuts the sender's own words in paths", () => {
    const result = readerOf(record(text, text)).safeParse({ ["x".repeat(100_000)]: 1 });
    expect(result.success).toBe(false);
    if (!result.success) expect(issuesOf(result.error)[0]?.pointer).toHaveLength(42);
  });
});
