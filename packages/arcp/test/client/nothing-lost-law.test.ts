import { ImprestError } from "@imprest/core";
import { sleep } from "@imprest/core/internal";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ArcpEvent, type JobSettlement, connect, withReservation } from "../../src/index.ts";
import { createArcpRuntime } from "../../src/runtime/index.ts";
import { ChaosNetwork, type Mishap } from "../support/chaos.ts";
import { createManualClock } from "@imprest/testing";

const runs = Number(process.env["ARCP_CHAOS_RUNS"] ?? 500);
const steps = 30;

interface Observed {
  readonly events: readonly string[];
  readonly streamError: unknown;
  /** Absent when the job's end could not be had. */
  readonly settlement: JobSettlement | undefined;
  readonly error: unknown;
}

interface Bounds {
  readonly maxOutboxFrames: number;
  readonly maxHistoryEvents: number;
  readonly resumeWindowMs: number;
}

const text = (event: ArcpEvent): string => (event.kind === "log" ? event.body.message : event.kind);

/** One job over a network with mishaps, at a runtime that keeps little. Each step costs USD 0.1 and logs its number. */
async function play(schedule: readonly Mishap[], bounds: Bounds, waits: boolean): Promise<Observed> {
  const clock = createManualClock();
  const network = new ChaosNetwork(clock, schedule);
  const runtime = createArcpRuntime({ authenticate: () => "alice", clock, heartbeatIntervalMs: 1000, ...bounds });
  runtime.agent("worker", async (context) => {
    for (let at = 0; at < steps; at++) {
      const spent = context.metric({ name: "cost.step", value: "0.1", unit: "USD" });
      const logged = context.log("info", `${at}`);
      if (waits) await Promise.all([spent, logged]);
      await sleep(clock, 100, context.signal);
    }
  });
  const dial = (): ReturnType<ChaosNetwork["connect"]>[0] => {
    const [client, far] = network.connect();
    runtime.accept(far);
    return client;
  };
  const events: string[] = [];
  let streamError: unknown;
  const act = async (): Promise<JobSettlement> => {
    const times = { handshakeTimeoutMs: 2000, requestTimeoutMs: 5000, probeAfterMs: 5000, lostAfterMs: 1000 };
    const session = await connect(dial, { token: "t", clock, ...times });
    const { settlement } = await withReservation(session, { agent: "worker" }, async (job) => {
      try {
        for await (const event of job) events.push(text(event));
      } catch (error) {
        streamError = error;
      }
    });
    await session.close();
    return settlement;
  };
  const outcome = await clock.drive(
    act().then(
      (settlement) => ({ settlement, error: undefined }),
      (error: unknown) => ({ settlement: undefined, error }),
    ),
    1_800_000,
  );
  runtime.close();
  return { events, streamError, ...outcome };
}

const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Mishap>({ kind: "deliver" }) },
  { weight: 3, arbitrary: fc.constantFrom<Mishap>({ kind: "drop" }, { kind: "swallow" }, { kind: "duplicate" }) },
  { weight: 1, arbitrary: fc.constantFrom<Mishap>({ kind: "reorder" }, { kind: "half-open" }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3000 }).map((ms): Mishap => ({ kind: "delay", ms })) },
);

const bounds: fc.Arbitrary<Bounds> = fc.record({
  maxOutboxFrames: fc.constantFrom(4, 8, 10_000),
  maxHistoryEvents: fc.constantFrom(3, 10, 10_000),
  resumeWindowMs: fc.constantFrom(0, 1500, 120_000),
});

describe("a network that drops, delays, duplicates, reorders and swallows, and a runtime that keeps little", () => {
  it("law: what is delivered and what is reported missing is what was emitted; what was spent is reported exactly or as a lower bound", async () => {
    const truth = "3";
    let whole = 0;
    let holed = 0;
    let exact = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(mishap, { minLength: 10, maxLength: 120 }),
        bounds,
        fc.boolean(),
        async (schedule, kept, waits) => {
          const { events, streamError, settlement, error } = await play(schedule, kept, waits);
          const logs = events.filter((event) => /^\d+$/.test(event)).map(Number);
          // Each once, in order.
          expect(logs).toEqual([...new Set(logs)].toSorted((left, right) => left - right));
          for (const failure of [streamError, error]) {
            if (failure !== undefined) expect(ImprestError.isInstance(failure)).toBe(true);
          }
          if (streamError !== undefined || error !== undefined || settlement === undefined) return;
          if (settlement.outcome.status !== "success") return;
          if (logs.length < steps || events.filter((event) => event === "metric").length < steps) {
            holed++;
            expect(events).toContain("gap");
            expect(settlement.eventsMissing).toBe(true);
          } else whole++;
          const spent = settlement.spent["USD"] ?? "0";
          expect(Number(spent)).toBeLessThanOrEqual(Number(truth));
          if (settlement.spentIsExact) {
            exact++;
            expect(spent).toBe(truth);
          }
          if (spent !== truth) expect(settlement.spentIsExact).toBe(false);
        },
      ),
      { numRuns: runs, ...(process.env["ARCP_CHAOS_SEED"] && { seed: Number(process.env["ARCP_CHAOS_SEED"]) }) },
    );
    // The law would be worthless if nothing were ever missing, or everything.
    expect(whole).toBeGreaterThan(runs / 20);
    expect(holed).toBeGreaterThan(runs / 20);
    if (process.env["ARCP_CHAOS_RUNS"])
      console.info(`${runs} runs: ${whole} whole, ${holed} with holes, ${exact} exact`);
  }, 600_000);
});
