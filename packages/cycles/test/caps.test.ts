import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cap, DeniedError, ValidationError } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { coolDown, createStepCounter, isToolAllowed } from "@imprest/cycles";

const caps = (members: Record<string, unknown>): Cap[] =>
  Object.entries(members).map(([name, value]) => ({ name, value }));

describe("isToolAllowed", () => {
  const names = fc.array(fc.constantFrom<string>("web.search", "web.fetch", "db.write"), { maxLength: 3 });

  it("a non-empty allowlist decides alone, else all but the denied (law)", () => {
    fc.assert(
      fc.property(names, names, fc.constantFrom("web.search", "db.write", "other"), (allow, deny, tool) => {
        const expected = allow.length > 0 ? allow.includes(tool) : !deny.includes(tool);
        expect(isToolAllowed(caps({ tool_allowlist: allow, tool_denylist: deny }), tool)).toBe(expected);
      }),
    );
  });

  it("compares case exactly, and allows all without caps", () => {
    expect(isToolAllowed(caps({ tool_allowlist: ["Web.Search"] }), "web.search")).toBe(false);
    expect(isToolAllowed(caps({ tool_denylist: ["Web.Search"] }), "web.search")).toBe(true);
    expect(isToolAllowed([], "anything")).toBe(true);
    expect(isToolAllowed(caps({ tool_allowlist: null, tool_denylist: null }), "anything")).toBe(true);
  });

  it.each(["web.search", 5, [5], {}])("does not guess at a list that is %j", (value) => {
    expect(() => isToolAllowed(caps({ tool_denylist: value }), "web.search")).toThrow(ValidationError);
  });
});

describe("createStepCounter", () => {
  it("lets as many steps through as the cap says", () => {
    const counter = createStepCounter(caps({ max_steps_remaining: 2 }));
    counter.take();
    counter.take();
    expect(counter.remaining).toBe(0);
    expect(() => counter.take()).toThrow(DeniedError);
    expect(() => createStepCounter(caps({ max_steps_remaining: 0 })).take()).toThrow("no further step");
  });

  it("does not count without the cap, and refuses one that is no number", () => {
    const counter = createStepCounter([]);
    for (let step = 0; step < 1_000; step += 1) counter.take();
    expect(counter.remaining).toBe(Infinity);
    expect(() => createStepCounter(caps({ max_steps_remaining: "2" }))).toThrow(ValidationError);
  });
});

describe("coolDown", () => {
  it("waits exactly as long as the cap says, and leaves no timer", async () => {
    const clock = createManualClock();
    let done = false;
    const waiting = coolDown(caps({ cooldown_ms: 5_000 }), { clock }).then(() => (done = true));
    await clock.advance(4_999);
    expect(done).toBe(false);
    await clock.advance(1);
    await waiting;
    expect(clock.timers).toBe(0);
  });

  it("does not wait without the cap, and ends when the caller aborts", async () => {
    await coolDown([]);
    const clock = createManualClock();
    const caller = new AbortController();
    const waiting = coolDown(caps({ cooldown_ms: 5_000 }), { clock, signal: caller.signal });
    caller.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortedError" });
    expect(clock.timers).toBe(0);
  });
});
