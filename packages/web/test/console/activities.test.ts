import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ActivityLog } from "../../src/console/activity-log.ts";
import { readBounded } from "../../src/console/bounded-json.ts";
import { choicesOf, everything, isWanted, mentions } from "../../src/console/live-filter.ts";
import { readRoute, writeRoute } from "../../src/console/route.ts";
import { event } from "./rows.ts";

describe("the log of activities", () => {
  it("has each activity once and in order, however batches overlap", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 40 }))), (batches) => {
        const log = new ActivityLog();
        for (const numbers of batches) log.add(numbers.map((number) => event(number)));
        const expected = [...new Set(batches.flat())].toSorted((left, right) => right - left);
        expect(log.newest().map(({ number }) => number)).toEqual(expected);
      }),
    );
  });

  it("forgets the oldest and stays bounded", () => {
    const log = new ActivityLog();
    for (let number = 0; number < 20_000; number += 100) {
      log.add(Array.from({ length: 100 }, (_, at) => event(number + at)));
    }
    const kept = log.newest();
    expect(kept.length).toBeLessThanOrEqual(5_500);
    expect(kept[0]?.number).toBe(19_999);
  });
});

describe("a text of an event", () => {
  it("is cut where it is longer than anything that is shown, and no other member changes", () => {
    const read = readBounded(JSON.stringify([{ number: 7, scope: "x".repeat(1_000_000), caps: { max_tokens: 5 } }]));
    expect(read).toEqual([{ number: 7, scope: `${"x".repeat(599)}…`, caps: { max_tokens: 5 } }]);
  });

  it("that is no JSON is an error", () => {
    expect(() => readBounded("{")).toThrow(SyntaxError);
  });
});

describe("the filters of events", () => {
  const denied = event(1, { kind: "denied", agent: "Writer", action: { kind: "llm.completion", name: "gpt-5.6" } });

  it("want an event that fits each of them", () => {
    expect(isWanted(denied, everything)).toBe(true);
    expect(isWanted(denied, { ...everything, kind: "denied", model: "gpt-5.6", tenant: "acme" })).toBe(true);
    expect(isWanted(denied, { ...everything, kind: "denied", agent: "other" })).toBe(false);
  });

  it("find a word in either case", () => {
    expect(mentions(denied, " WRIT ")).toBe(true);
    expect(mentions(denied, "reviewer")).toBe(false);
  });

  it("offer what occurs, and at most a hundred of it", () => {
    const many = Array.from({ length: 500 }, (_, at) => event(at, { agent: `agent-${at}` }));
    expect(choicesOf([denied]).model).toEqual(["gpt-5.6"]);
    expect(choicesOf(many).agent).toHaveLength(100);
  });
});

it("an address leads back to the view and the thing in it, whatever it is called", () => {
  fc.assert(
    fc.property(fc.constantFrom("budgets", "live", "denials", "waiting"), fc.string({ minLength: 1 }), (view, id) => {
      expect(readRoute(writeRoute({ view, id }))).toEqual({ view, id });
    }),
  );
  expect(readRoute("#live/%E0%A4%A")).toEqual({ view: "live" });
  expect(readRoute("#nowhere")).toEqual({ view: "budgets" });
});
