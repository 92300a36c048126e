import canonicalizeJson from "canonicalize";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValidationError } from "../../src/index.ts";
import { type JsonValue, canonicalize, sha256Hex } from "../../src/audit/index.ts";

/** What is typed as JSON but is not. */
const smuggle = (value: unknown): JsonValue => value as JsonValue;

describe("canonicalize, asp 6 22", () => {
  it("does not depend on the order of members", () => {
    const shuffled = fc
      .dictionary(fc.string(), fc.integer(), { noNullPrototype: true })
      .chain((object) =>
        fc.tuple(
          fc.constant(object),
          fc.shuffledSubarray(Object.entries(object), { minLength: Object.keys(object).length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([object, entries]) => {
        expect(canonicalize(Object.fromEntries(entries))).toBe(canonicalize(object));
      }),
    );
  });

  it("gives what the canonicalize package gives, in whatever order the members come", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(canonicalize(smuggle(value))).toBe(canonicalizeJson(value));
        const ordered = JSON.parse(canonicalizeJson(value) ?? "") as JsonValue;
        expect(canonicalize(ordered)).toBe(canonicalizeJson(value));
      }),
      { numRuns: 1000 },
    );
    expect(canonicalize({ "2": 1, "10": 2, a: -0, b: 1e21, c: "\u007f\u2028" })).toBe(
      '{"10":2,"2":1,"a":0,"b":1e+21,"c":"\u007f\u2028"}',
    );
  });

  it("orders names by UTF-16 code unit, numbers included", () => {
    expect(canonicalize({ "9": 1, "10": 2, "\u{1F600}": 3, "\u{FB33}": 4, a: 5, A: 6 })).toBe(
      '{"10":2,"9":1,"A":6,"a":5,"\u{1F600}":3,"\u{FB33}":4}',
    );
  });

  it.each<[string, unknown, string]>([
    ["undefined", { a: undefined }, "/a"],
    ["a function", [() => 1], "/0"],
    ["a symbol", { a: { b: Symbol("x") } }, "/a/b"],
    ["a bigint", { "a/b": 1n }, "/a~1b"],
    ["a date", new Date(0), ""],
    ["a map", { a: new Map([["x", 1]]) }, "/a"],
    ["a set", [new Set()], "/0"],
    ["a boxed number", [Object(1)], "/0"],
    [
      "a class instance",
      new (class Money {
        cents = 5;
      })(),
      "",
    ],
    ["a toJSON", { toJSON: () => "other" }, "/toJSON"],
    ["an inherited toJSON", Object.create({ toJSON: () => "other" }), ""],
    ["a hole", [1, , 2], "/1"], // oxlint-disable-line no-sparse-arrays
    ["NaN", { a: Number.NaN }, "/a"],
    ["an infinity", [Number.NEGATIVE_INFINITY], "/0"],
    ["a lone surrogate", ["\ud800"], "/0"],
    ["a lone surrogate in a name", { "\udc00": 1 }, "/\udc00"],
    ["bytes", new Uint8Array(1), ""],
  ])("refuses %s", (_name, value, pointer) => {
    expect(() => canonicalize(smuggle(value))).toThrow(ValidationError);
    try {
      canonicalize(smuggle(value));
    } catch (error) {
      expect((error as ValidationError).issues[0]?.pointer).toBe(pointer);
    }
  });

  it("refuses a value that contains itself, and one nested too deep", () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(() => canonicalize(smuggle(loop))).toThrow(/contains itself/);
    let deep: JsonValue = 1;
    for (let level = 0; level < 20_000; level++) deep = [deep];
    expect(() => canonicalize(deep)).toThrow(/nests deeper/);
  });

  it("takes an object without prototype, and the same part twice", () => {
    const part = { z: 1 };
    expect(canonicalize(Object.assign(Object.create(null), { b: part, a: part }))).toBe('{"a":{"z":1},"b":{"z":1}}');
  });
});

describe("sha256Hex", () => {
  it("gives the digests of FIPS 180", async () => {
    expect(await sha256Hex(new Uint8Array())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(await sha256Hex(new TextEncoder().encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
