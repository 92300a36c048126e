import { createIdempotencyKey, deriveIdempotencyKey } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("deriveIdempotencyKey", () => {
  it("is pinned: the same parts give the same key on every runtime and in every release", async () => {
    // SHA-256 of the JCS text ["job",{"a":"x","n":{"$bigint":"9007199254740993"}}].
    expect(await deriveIdempotencyKey("job", { n: 9007199254740993n, a: "x" })).toBe(
      "job-62df14b96a1c9730619b3eb99cc656f07b5a4af114ba49b1d360f541482ed534",
    );
  });

  it("does not depend on the order of members", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.bigInt())), async (parts) => {
        const clean = Object.fromEntries(Object.entries(parts).filter(([name]) => name !== "$bigint"));
        const reversed = Object.fromEntries(Object.entries(clean).toReversed());
        expect(await deriveIdempotencyKey("job", clean)).toBe(await deriveIdempotencyKey("job", reversed));
      }),
    );
  });

  it("tells 1, 1n and '1' apart, and namespaces", async () => {
    const keys = await Promise.all([
      deriveIdempotencyKey("a", 1),
      deriveIdempotencyKey("a", 1n),
      deriveIdempotencyKey("a", "1"),
      deriveIdempotencyKey("b", 1),
    ]);
    expect(new Set(keys).size).toBe(4);
  });

  it.each([
    ["a Date", new Date()],
    ["a Map", new Map()],
    ["undefined", undefined],
    ["NaN", Number.NaN],
    ["a function", () => 1],
    ["the tag of a bigint", { $bigint: "1" }],
  ])("refuses %s, which JCS would turn into something else", async (_name, part) => {
    await expect(deriveIdempotencyKey("job", [part] as never)).rejects.toMatchObject({
      issues: [{ pointer: "/parts/0" }],
    });
  });

  it.each(["", "a b", "x".repeat(129), "ü"])("refuses the namespace %o", async (namespace) => {
    await expect(deriveIdempotencyKey(namespace, 1)).rejects.toMatchObject({ issues: [{ pointer: "/namespace" }] });
  });
});

describe("createIdempotencyKey", () => {
  it("never repeats", () => {
    expect(new Set(Array.from({ length: 1_000 }, () => createIdempotencyKey())).size).toBe(1_000);
  });
});
