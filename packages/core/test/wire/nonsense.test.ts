import { type Shape, issuesOf } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { pairs } from "../zod/support.ts";

// What a stranger can make a check cost: whatever is sent, a refusal is short and comes at once.

/** A quarter of a megabyte of what `shape` refuses, spread as wide as it lets it be. */
function nonsenseFor(shape: Shape<unknown>, size: number): unknown {
  const { parts } = shape;
  switch (parts.kind) {
    case "optional":
    case "refined":
      return nonsenseFor(parts.inner, size);
    case "list": {
      const many = Math.min(size / 4, 50_000);
      return Array.from({ length: many }, () => nonsenseFor(parts.item, size / many));
    }
    case "record":
      return Object.fromEntries(
        Array.from({ length: size / 50 }, (_, at) => [`${"k".repeat(40)}${at}`, nonsenseFor(parts.item, 4)]),
      );
    case "object": {
      const names = Object.keys(parts.members);
      const members = names.map((name) => [name, nonsenseFor(parts.members[name] ?? shape, size / 2 / names.length)]);
      const unknown = Array.from({ length: size / 100 }, (_, at) => [`${"n".repeat(40)}${at}`, 1]);
      return Object.fromEntries([...members, ...unknown]);
    }
    default:
      return size > 1_000 ? "\u{1f4a5}".repeat(size / 4) : Symbol.iterator;
  }
}

function millisecondsOf(work: () => unknown): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}

describe.each(pairs)("$name", ({ shape, schema }) => {
  const sent = [
    nonsenseFor(shape, 250_000),
    Array.from({ length: 100_000 }, () => ({})),
    "x".repeat(250_000),
    Object.fromEntries(Array.from({ length: 25_000 }, (_, at) => [`m${at}`, at])),
  ];

  it("refuses a quarter of a megabyte of nonsense at once, in at most 20 issues and 8 kB", () => {
    for (const value of sent) {
      const result = shape.safeParse(value);
      // Fifty milliseconds on a machine of its own; the best of three where others are at work.
      expect(Math.min(...[1, 2, 3].map(() => millisecondsOf(() => shape.safeParse(value))))).toBeLessThan(250);
      if (result.success) continue;
      const issues = issuesOf(result.error);
      expect(issues.length).toBeLessThanOrEqual(20);
      expect(JSON.stringify(issues).length).toBeLessThan(8_000);
    }
  });

  it("its zod schema repeats less than half of it", () => {
    for (const value of sent) {
      const result = schema.safeParse(value);
      if (!result.success) expect(JSON.stringify(result.error.issues).length).toBeLessThan(125_000);
    }
  });
});
