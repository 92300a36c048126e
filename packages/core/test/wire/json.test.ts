import { parseJson, parseWire, pointerOf, stringifyJson } from "@imprest/core/internal";
import { int64 } from "../../src/wire/leaves.ts";
import { list, object } from "../../src/wire/shape.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("parseJson", () => {
  it.each([
    ["9223372036854775807", 9223372036854775807n],
    ["-9223372036854775808", -9223372036854775808n],
    ["9007199254740993", 9007199254740993n],
    ["9007199254740991", 9007199254740991],
    ["100000000000000000000000000000", 100000000000000000000000000000n],
    ["1.0", 1],
    ["1e3", 1000],
    ["12345678901234567.5", Number("12345678901234567.5")],
    ["1234567890123456789e0", Number("1234567890123456789")],
    ['"12345678901234567890"', "12345678901234567890"],
  ])("%s", (text, expected) => {
    expect(parseJson(text)).toBe(expected);
  });

  it("keeps integers exact at any depth and __proto__ an ordinary key", () => {
    const parsed = parseJson('{"a":[{"b":9223372036854775807}],"__proto__":{"polluted":9223372036854775807}}');
    expect(stringifyJson(parsed)).toBe(
      '{"a":[{"b":9223372036854775807}],"__proto__":{"polluted":9223372036854775807}}',
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it.each(["", "{", "[1,]", "01", "nul", '{"a":1}x', "9223372036854775807,"])("refuses %o", (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it("law: what is written reads back, bigints of any size included", () => {
    const large = fc.bigInt().filter((value) => value > 2n ** 53n || value < -(2n ** 53n));
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.integer(),
        large,
        fc.array(tie("value")),
        fc.dictionary(fc.string(), tie("value")),
      ),
    })).value;
    fc.assert(
      fc.property(json, (value) => {
        expect(stringifyJson(parseJson(stringifyJson(value)))).toBe(stringifyJson(value));
      }),
    );
  });

  it("law: without bigints it agrees with JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(stringifyJson(value)).toBe(JSON.stringify(value));
        expect(stringifyJson(parseJson(JSON.stringify(value)))).toBe(JSON.stringify(value));
      }),
    );
  });

  describe("stringifyJson", () => {
    it("quotes every UTF-16 code unit as JSON.stringify does, in texts and in member names", () => {
      for (let unit = 0; unit <= 0xffff; unit += 1) {
        const text = `a${String.fromCharCode(unit)}b`;
        if (stringifyJson(text) !== JSON.stringify(text)) expect(stringifyJson(text)).toBe(JSON.stringify(text));
      }
      const odd = { 'a"b': 1, "c\\d": 2, "e\n": 3, "": 4, "\ud800": 5, "😀": "\u2028" };
      expect(stringifyJson(odd)).toBe(JSON.stringify(odd));
    });

    it("writes a hole in a list as null", () => {
      expect(stringifyJson(Array.from({ length: 1 }).concat(Array(1)))).toBe("[null,null]");
    });

    it("refuses a value that contains itself, at once", () => {
      const knot: Record<string, unknown> = {};
      Object.assign(knot, { left: knot, right: [knot] });
      expect(() => stringifyJson(knot)).toThrow("contains itself");
      expect(() => stringifyJson({ toJSON: () => knot })).toThrow("contains itself");
    });

    it("leaves undefined members out, honours toJSON, writes a bigint as an integer literal", () => {
      expect(stringifyJson({ a: undefined, b: [undefined], c: new Date(0), d: 5n, e: -0 })).toBe(
        '{"b":[null],"c":"1970-01-01T00:00:00.000Z","d":5,"e":0}',
      );
    });

    it("refuses what JSON cannot hold, instead of writing null for it", () => {
      const cycle: Record<string, unknown> = {};
      cycle["self"] = cycle;
      for (const value of [Number.NaN, Infinity, () => 1, Symbol("x"), cycle])
        expect(() => stringifyJson({ value })).toThrow(TypeError);
      const shared = { a: 1 };
      expect(stringifyJson([shared, shared])).toBe('[{"a":1},{"a":1}]');
    });
  });

  describe("parseWire", () => {
    const shape = object({ "a/b": list(object({ amount: int64 })) });

    it("hands out bigints and keeps unknown members", () => {
      expect(parseWire(shape, { "a/b": [{ amount: 5, extra: 1 }], more: true }, "answer")).toEqual({
        "a/b": [{ amount: 5n, extra: 1 }],
        more: true,
      });
    });

    it.each([1.5, "5", 2 ** 53, 2n ** 63n, null])(
      "names the member with a JSON pointer and does not repeat %o",
      (value) => {
        let message = "";
        try {
          parseWire(shape, { "a/b": [{ amount: value }] }, "answer");
        } catch (error) {
          message = String(error);
        }
        expect(message).toContain("/a~1b/0/amount: must be a whole number within int64");
        expect(pointerOf(["a~b", 0])).toBe("/a~0b/0");
      },
    );
  });
});
