import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConnectionError, type HttpResponse, type Transport } from "@imprest/core";
import { parseRetryAfter, sendRead } from "@imprest/core/internal";
import { createManualClock } from "@imprest/testing";

const request = { method: "GET", url: "https://cycles.example/v1/balances", headers: {} } as const;

type Step = number | "lost" | { readonly status: number; readonly retryAfter: string };

/** Answers one step after another; the last one again and again. */
function scripted(steps: readonly Step[]): { transport: Transport; attempts: () => number } {
  let attempts = 0;
  const transport: Transport = async () => {
    const step = steps[Math.min(attempts, steps.length - 1)] ?? 200;
    attempts += 1;
    if (step === "lost") throw new ConnectionError("lost");
    const { status, retryAfter } = typeof step === "number" ? { status: step, retryAfter: undefined } : step;
    const headers: HttpResponse["headers"] = retryAfter === undefined ? {} : { "retry-after": retryAfter };
    return { status, headers, body: "" };
  };
  return { transport, attempts: () => attempts };
}

async function run(
  steps: readonly Step[],
  { attempts = 3, timeoutMs = 60_000, random = (): number => 0.5 } = {},
): Promise<{ outcome: number | Error; attempts: number; elapsedMs: number; timers: number }> {
  const clock = createManualClock();
  const script = scripted(steps);
  const outcomes: (number | Error)[] = [];
  const sending = sendRead(script.transport, request, { attempts, timeoutMs, random, clock }).then(
    ({ status }) => outcomes.push(status),
    (error: Error) => outcomes.push(error),
  );
  while (outcomes.length === 0) await clock.advance(10);
  await sending;
  const [outcome = 0] = outcomes;
  return { outcome, attempts: script.attempts(), elapsedMs: clock.monotonic(), timers: clock.timers };
}

describe("sendRead", () => {
  it.each([429, 500, 502, 503, 504, "lost"] as const)("repeats after %s", async (step) => {
    expect(await run([step, 200])).toMatchObject({ outcome: 200, attempts: 2, timers: 0 });
  });

  it.each([200, 304, 400, 401, 403, 404, 409, 410, 501])("takes %i as it is", async (status) => {
    expect(await run([status, 200])).toMatchObject({ outcome: status, attempts: 1 });
  });

  it("hands out the last answer, or throws the last failure, when the attempts are used up", async () => {
    expect(await run([503, 503, 502])).toMatchObject({ outcome: 502, attempts: 3, timers: 0 });
    const lost = await run(["lost"]);
    expect(lost).toMatchObject({ attempts: 3, timers: 0 });
    expect(lost.outcome).toBeInstanceOf(ConnectionError);
  });

  it("waits out Retry-After", async () => {
    const { elapsedMs, attempts } = await run([{ status: 429, retryAfter: "7" }, 200]);
    expect(attempts).toBe(2);
    expect(elapsedMs).toBeGreaterThanOrEqual(7_000);
  });

  it("does not wait past its deadline: it hands out the answer at once", async () => {
    const { outcome, attempts, elapsedMs } = await run([{ status: 429, retryAfter: "7" }, 200], { timeoutMs: 5_000 });
    expect({ outcome, attempts }).toEqual({ outcome: 429, attempts: 1 });
    expect(elapsedMs).toBeLessThan(100);
  });

  it("never makes more attempts or takes longer than it may (law)", async () => {
    const step = fc.constantFrom<Step>(200, 404, 429, 500, 503, "lost", { status: 503, retryAfter: "1" });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        async (steps, attempts, timeoutMs, jitter) => {
          const ran = await run(steps, { attempts, timeoutMs, random: () => jitter });
          expect(ran.attempts).toBeLessThanOrEqual(attempts);
          expect(ran.elapsedMs).toBeLessThanOrEqual(timeoutMs + 20);
          expect(ran.timers).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("ends when the caller aborts while it waits, leaving no timer", async () => {
    const clock = createManualClock();
    const caller = new AbortController();
    const { transport } = scripted([{ status: 503, retryAfter: "30" }]);
    const options = { attempts: 3, timeoutMs: 60_000, clock, signal: caller.signal };
    const sending = sendRead(transport, request, options).catch((error: Error) => error.name);
    await clock.advance(10);
    caller.abort();
    expect(await sending).toBe("AbortedError");
    expect(clock.timers).toBe(0);
  });
});

describe("parseRetryAfter", () => {
  it.each([
    ["0", 0],
    ["5", 5_000],
    [" 12 ", 12_000],
    ["3600", 3_600_000],
    ["3601", 3_600_000],
    ["9".repeat(400), 3_600_000],
  ])("reads %j", (text, ms) => {
    expect(parseRetryAfter(text)).toBe(ms);
  });

  it.each(["", "-1", "1.5", "1e3", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "5, 7", undefined])(
    "takes %j as absent (Cycles §Retry-After: delta-seconds only)",
    (text) => {
      expect(parseRetryAfter(text)).toBeUndefined();
    },
  );

  it("has a cap that the caller sets", () => {
    expect(parseRetryAfter("60", 10_000)).toBe(10_000);
  });
});
