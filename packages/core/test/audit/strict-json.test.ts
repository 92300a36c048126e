import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../../src/index.ts";
import { StrictJsonError, canonicalize, parseStrictJson } from "../../src/audit/index.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function refusal(input: string | Uint8Array, options?: Parameters<typeof parseStrictJson>[1]): StrictJsonError {
  try {
    parseStrictJson(input, options);
  } catch (error) {
    if (StrictJsonError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("was accepted");
}

const anyJson = fc.jsonValue({ maxDepth: 6, stringUnit: "binary" });
/** JSON values whose every text form JSON.stringify writes is I-JSON. */
const anyInteroperableJson = anyJson.filter((value) => JSON.stringify(value).isWellFormed() && !hasInexact(value));

function hasInexact(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value === "string") return !value.isWellFormed();
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, member]) => !key.isWellFormed() || hasInexact(member));
}

describe("parseStrictJson, asp 6 22", () => {
  it("agrees with JSON.parse wherever both accept, over valid texts", () => {
    fc.assert(
      fc.property(anyInteroperableJson, fc.constantFrom(undefined, 1, "\t"), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parseStrictJson(text)).toStrictEqual(JSON.parse(text));
        expect(parseStrictJson(utf8(text))).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it("agrees with JSON.parse wherever both accept, over texts put together at random", () => {
    const piece = fc.constantFrom(
      ...'{}[],:"\\/ \n\t-+.0123456789eEtfnu'.split(""),
      "true",
      "false",
      "null",
      '"a"',
      '"\\u00e9"',
      "{}",
      "[]",
      '{"a":1}',
      "\\ud83d",
      "1e5",
      "-0",
      "\u0001",
      "\u{1F600}",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        let ours: unknown;
        try {
          ours = parseStrictJson(text, { numbers: "double" });
        } catch (error) {
          expect(error).toBeInstanceOf(StrictJsonError);
          return;
        }
        expect(ours).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it("parse, canonicalise, parse is the identity", () => {
    fc.assert(
      fc.property(anyInteroperableJson, (value) => {
        const parsed = parseStrictJson(JSON.stringify(value));
        const canonical = canonicalize(parsed);
        expect(parseStrictJson(canonical, { numbers: "double" })).toStrictEqual(parsed);
        expect(canonicalize(parseStrictJson(canonical, { numbers: "double" }))).toBe(canonical);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses a second member of the same name, however it is spelt, and says where", () => {
    expect(refusal('{"a":1,"a":1}')).toMatchObject({ reason: "duplicate_key", line: 1, column: 8 });
    expect(refusal('{"x":\n  {"a":1,\n "\\u0061":2}}')).toMatchObject({ reason: "duplicate_key", line: 3, column: 2 });
    expect(refusal('{"__proto__":1,"__proto__":2}').reason).toBe("duplicate_key");
    expect(refusal('{"":0,"":0}').reason).toBe("duplicate_key");
    expect(parseStrictJson('[{"a":1},{"a":1}]')).toEqual([{ a: 1 }, { a: 1 }]);
    expect(parseStrictJson('{"toString":1,"constructor":2,"hasOwnProperty":3}')).toEqual({
      toString: 1,
      constructor: 2,
      hasOwnProperty: 3,
    });
  });

  it.each([
    ["9007199254740993", "inexact_integer"],
    ["-9007199254740993", "inexact_integer"],
    ["9007199254740993.0", "inexact_integer"],
    ["90071992547409930e-1", "inexact_integer"],
    ["9007199254740992.5", "inexact_integer"],
    ["12345678901234567890", "inexact_integer"],
    ["1000000000000000000000000", "inexact_integer"],
    ["-0", "negative_zero"],
    ["-0.0", "negative_zero"],
    ["-0e7", "negative_zero"],
    ["1e-400", "number_underflow"],
    ["-0.1e-999", "number_underflow"],
    ["1e400", "number_overflow"],
    ["-1e309", "number_overflow"],
  ])("refuses %s, which a double would change (%s)", (token, reason) => {
    expect(refusal(`{"amount":${token}}`)).toMatchObject({ reason, line: 1, column: 11 });
  });

  it("reads the same numbers as doubles where that is asked for, but never an infinity", () => {
    const asDouble = (text: string): unknown => parseStrictJson(text, { numbers: "double" });
    expect(asDouble("9007199254740993")).toBe(9007199254740992);
    expect(asDouble("-0")).toBe(-0);
    expect(asDouble("1e-400")).toBe(0);
    expect(refusal("1e400", { numbers: "double" }).reason).toBe("number_overflow");
  });

  it("accepts other spellings of numbers a double holds", () => {
    expect(
      parseStrictJson("[1.0,1e2,100,0.1,1E30,333333333.33333329,0e5,0.0,9007199254740992,1152921504606846976]"),
    ).toEqual([1, 100, 100, 0.1, 1e30, 333333333.3333333, 0, 0, 2 ** 53, 2 ** 60]);
  });

  it.each([
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "-01",
    "00",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "-Infinity",
    "1.2.3",
    "1-2",
  ])("refuses the number %s", (token) => {
    expect(["syntax", "trailing_data"]).toContain(refusal(token).reason);
    expect(refusal(`[${token}]`).reason).toBe("syntax");
  });

  it("refuses lone surrogates, escaped or not, and reversed pairs", () => {
    for (const text of [
      '"\ud800"',
      '"\udc00"',
      '"\\ud800"',
      '"\\udc00\\ud800"',
      '"\\ud83dx"',
      '{"\\udead":1}',
      '"\ud800\\udc00x\udc00"',
    ]) {
      expect(refusal(text).reason).toBe("lone_surrogate");
    }
    expect(parseStrictJson('"\\ud83d\\ude00\u{1F600}"')).toBe("\u{1F600}\u{1F600}");
  });

  it("refuses bytes that are not UTF-8, and says where", () => {
    expect(refusal(bytes(0x22, 0xc0, 0x80, 0x22))).toMatchObject({ reason: "invalid_utf8", line: 1, column: 2 });
    expect(refusal(bytes(0x22, 0xed, 0xa0, 0x80, 0x22)).reason).toBe("invalid_utf8");
    expect(refusal(bytes(0x22, 0xff, 0x22)).reason).toBe("invalid_utf8");
    expect(refusal(bytes(0x22, 0xe2, 0x82)).reason).toBe("invalid_utf8");
    const afterReal = Uint8Array.of(...utf8('"\n\u{FFFD}'), 0xf8, 0x22);
    expect(refusal(afterReal)).toMatchObject({ reason: "invalid_utf8", line: 2, column: 2 });
    expect(parseStrictJson(utf8('"\u{FFFD}"'))).toBe("\u{FFFD}");
  });

  it("refuses a byte order mark, in bytes and in text", () => {
    expect(refusal(bytes(0xef, 0xbb, 0xbf, 0x31)).reason).toBe("byte_order_mark");
    expect(refusal("\ufeff1").reason).toBe("byte_order_mark");
  });

  it("__proto__ is a key like any other and prototypes stay untouched", () => {
    const value = parseStrictJson('{"__proto__":{"polluted":true},"10":1,"9":2}');
    expect(Object.keys(value as object)).toContain("__proto__");
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(canonicalize(value)).toBe('{"10":1,"9":2,"__proto__":{"polluted":true}}');
  });

  it("refuses a depth bomb at the level allowed, and a size bomb", () => {
    expect(refusal("[".repeat(100_000))).toMatchObject({ reason: "too_deep", column: 65 });
    expect(refusal('{"a":'.repeat(100_000)).reason).toBe("too_deep");
    expect(parseStrictJson(`${"[".repeat(64)}${"]".repeat(64)}`)).toBeDefined();
    expect(refusal("[[[]]]", { maxDepth: 2 }).reason).toBe("too_deep");
    expect(refusal("[".repeat(5000), { maxDepth: 1000 }).reason).toBe("too_deep");
    for (const maxDepth of [1001, Number.NaN]) {
      expect(() => parseStrictJson("[]", { maxDepth })).toThrow(ConfigurationError);
    }
    expect(parseStrictJson("[[],[[]]]", { maxDepth: 3 })).toEqual([[], [[]]]);
    expect(refusal(`"${"x".repeat(1024 * 1024)}"`).reason).toBe("too_large");
    expect(refusal(utf8('"xx"'), { maxBytes: 3 }).reason).toBe("too_large");
    expect(refusal('"€"', { maxBytes: 4 }).reason).toBe("too_large");
    expect(parseStrictJson('"€"', { maxBytes: 5 })).toBe("€");
  });

  it("refuses what follows the value, and what is not JSON", () => {
    expect(refusal('{"a":1} x')).toMatchObject({ reason: "trailing_data", column: 9 });
    expect(refusal("{}{}").reason).toBe("trailing_data");
    expect(refusal("1\u0000").reason).toBe("trailing_data");
    for (const text of [
      "",
      " ",
      "{",
      "[",
      "[1,",
      "[1,]",
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      "{a:1}",
      "{'a':1}",
      "tru",
      "nulL",
    ]) {
      expect(refusal(text).reason).toBe("syntax");
    }
    for (const text of ['"', '"\\', '"\\"', '"\\x"', '"\\u12"', '"a\nb"', '"a\\\nb"', '"\u0000"', "\u00a01", "/**/1"]) {
      expect(refusal(text).reason).toBe("syntax");
    }
  });

  it("never repeats the text in the error", () => {
    const error = refusal('{"secret":"hunter2" "x"}');
    expect(JSON.stringify(error)).not.toContain("hunter2");
    expect(error.toJSON()).toMatchObject({ name: "StrictJsonError", code: "ERR_VERIFICATION", line: 1, column: 21 });
  });
});
