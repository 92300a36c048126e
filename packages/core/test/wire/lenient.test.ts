import { describe, expect, it } from "vitest";
import { lenient, lenientPartial, parseWire } from "../../src/internal.ts";
import { flag, jsonObject, text, texts, wholeNumber } from "../../src/wire/leaves.ts";
import { list, object, optional, union } from "../../src/wire/shape.ts";

const entry = object({ id: text, note: optional(text) });
const shape = object({
  name: text,
  size: optional(wholeNumber(0)),
  words: optional(texts),
  more: optional(object({ on: optional(flag), extra: optional(jsonObject) })),
  entries: optional(list(union([entry, text], "must be an entry, or its id"))),
});

describe("a lenient reader", () => {
  it("leaves out the optional members that are in another form, at any depth", () => {
    const value = { name: "n", size: -1, words: "x", more: { on: "yes", extra: { a: 1 } }, other: 1 };
    expect(parseWire(lenient(shape), value, "x")).toEqual({ name: "n", more: { extra: { a: 1 } }, other: 1 });
    expect(value.size).toBe(-1);
  });

  it("leaves out the items of a list that are in another form", () => {
    const entries = [{ id: "a", note: 1 }, { id: 1 }, "b", null];
    expect(parseWire(lenient(shape), { name: "n", words: ["x", 1], entries }, "x")).toEqual({
      name: "n",
      words: ["x"],
      entries: [{ id: "a" }, "b"],
    });
  });

  it("leaves out a list with more items than its shape takes", () => {
    const short = object({ words: optional(list(text, 2)) });
    expect(parseWire(lenient(short), { words: ["a", "b", "c"] }, "x")).toEqual({});
    expect(lenient(list(text, 2)).safeParse(["a", "b", "c"]).success).toBe(false);
  });

  it("refuses a value without what it cannot do without, which a partial one has not", () => {
    for (const value of [{}, { name: null }, { name: 1 }]) {
      expect(lenient(shape).safeParse(value).success).toBe(false);
      expect(lenientPartial(shape).safeParse(value)).toEqual({ success: true, data: {} });
    }
    expect(lenientPartial(shape).safeParse("text").success).toBe(false);
  });

  it("hands out what is as it should be without a copy", () => {
    const value = { name: "n", size: 1, more: { on: true }, other: [1] };
    expect(parseWire(lenient(shape), value, "x")).toBe(value);
    const withLists = { name: "n", words: ["a", "b"], entries: [{ id: "a" }, "b"] };
    expect(parseWire(lenient(shape), withLists, "x")).toBe(withLists);
  });

  it("writes as strictly as its shape", () => {
    expect(lenient(shape).safeWrite({ name: "n", size: -1 }).success).toBe(false);
    expect(lenientPartial(shape).safeWrite({ name: "n", size: -1 }).success).toBe(false);
  });
});
