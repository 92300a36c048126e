import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outbox } from "../../src/runtime/outbox.ts";

function drained(outbox: Outbox): string[] {
  const texts: string[] = [];
  for (let text = outbox.next(); text !== undefined; text = outbox.next()) texts.push(text);
  return texts;
}

const roomy = { maxFrames: 1000, maxCharacters: 1_000_000 };

describe("the outbox", () => {
  it("keeps a frame without a number until the client has processed one after it", () => {
    const outbox = new Outbox(roomy);
    outbox.push("e1", 1, true);
    outbox.push("child accepted", 1, false);
    outbox.push("e2", 2, true);
    outbox.free(1);
    outbox.rewind(1);
    expect(drained(outbox)).toEqual(["child accepted", "e2"]);
    outbox.free(2);
    expect(outbox.size).toBe(0);
    outbox.push("later", 2, false);
    outbox.rewind(2);
    expect(drained(outbox)).toEqual(["later"]);
  });

  it("over its limits the oldest go, and it knows from where it can still answer", () => {
    const outbox = new Outbox({ maxFrames: 3, maxCharacters: 1000 });
    for (let seq = 1; seq <= 5; seq++) outbox.push(`e${seq}`, seq, true);
    expect([outbox.covers(1), outbox.covers(2), outbox.takeLoss(), outbox.takeLoss()]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(drained(outbox)).toEqual(["e3", "e4", "e5"]);
    const large = new Outbox({ maxFrames: 100, maxCharacters: 10 });
    large.push("123456", 1, true);
    large.push("1234567890123", 2, true);
    expect([large.size, large.outstandingCharacters]).toEqual([1, 13]);
  });

  it("law: whatever was acknowledged and resumed from, what comes is everything after it, once and in order", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("push" as const) }),
      fc.record({ kind: fc.constant("take" as const), count: fc.nat(5) }),
      fc.record({ kind: fc.constant("ack" as const), back: fc.nat(3) }),
      fc.record({ kind: fc.constant("resume" as const), back: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000, size: "max" }), (steps) => {
        const outbox = new Outbox({ maxFrames: 10_000, maxCharacters: 10_000_000 });
        let pushed = 0;
        let received = 0;
        let acknowledged = 0;
        let known = 0;
        for (const next of steps) {
          if (next.kind === "push") outbox.push(String(++pushed), pushed, true);
          else if (next.kind === "take") {
            for (let at = 0; at < next.count; at++) {
              const text = outbox.next();
              if (text === undefined) expect(received).toBe(pushed);
              else expect(Number(text)).toBe(++received);
            }
          } else if (next.kind === "ack") {
            acknowledged = Math.max(acknowledged, received - next.back);
            outbox.received(acknowledged);
            outbox.free(acknowledged);
            known = Math.max(known, acknowledged);
          } else {
            received = Math.max(acknowledged, received - next.back);
            expect(outbox.covers(received)).toBe(true);
            outbox.rewind(received);
            outbox.received(received);
            known = Math.max(known, received);
          }
          const digits = Array.from({ length: pushed - known }, (_, at) => String(known + at + 1).length);
          expect(outbox.outstanding).toBe(pushed - known);
          expect(outbox.outstandingCharacters).toBe(digits.reduce((sum, length) => sum + length, 0));
          expect(outbox.size).toBe(pushed - acknowledged);
        }
      }),
      { numRuns: 20 },
    );
  });
});
