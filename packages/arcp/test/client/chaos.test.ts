import { ImprestError } from "@imprest/core";
import { sleep } from "@imprest/core/internal";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ArcpEvent, type ArcpSession, connect } from "../../src/index.ts";
import { createArcpRuntime } from "../../src/runtime/index.ts";
import { ChaosNetwork, type Mishap } from "../support/chaos.ts";
import { createManualClock } from "@imprest/testing";

const runs = Number(process.env["ARCP_CHAOS_RUNS"] ?? 1000);
const eventsPerJob = 12;

interface Observed {
  readonly messages: readonly string[];
  /** How iteration ended: undefined in good order. */
  readonly streamError: unknown;
  readonly result: unknown;
  readonly error: unknown;
}

async function watch(session: ArcpSession, name: string): Promise<Observed> {
  const messages: string[] = [];
  const seqs: number[] = [];
  try {
    const job = await session.submit({ agent: "worker", input: name });
    const read = async (): Promise<void> => {
      for await (const event of job) {
        seqs.push(event.seq);
        messages.push(text(event));
      }
    };
    const [stream, outcome] = await Promise.allSettled([read(), job.text()]);
    return {
      messages,
      streamError: stream.status === "rejected" ? stream.reason : undefined,
      result: outcome.status === "fulfilled" ? outcome.value : undefined,
      error: outcome.status === "rejected" ? outcome.reason : undefined,
    };
  } catch (error) {
    return { messages, streamError: error, result: undefined, error };
  }
}

function text(event: ArcpEvent): string {
  if (event.kind === "log") return event.body.message;
  if (event.kind === "result_chunk") return `chunk ${event.body.chunk_seq}`;
  return event.kind;
}

function complete(name: string): string[] {
  const logs = Array.from({ length: eventsPerJob }, (_, at) => `${name} ${at}`);
  return ["status", ...logs, "chunk 0", "chunk 1", "chunk 2"];
}

async function play(schedule: readonly Mishap[]): Promise<{ seen: Observed[]; log: readonly string[] }> {
  const clock = createManualClock();
  const network = new ChaosNetwork(clock, schedule);
  const runtime = createArcpRuntime({
    authenticate: () => "alice",
    clock,
    heartbeatIntervalMs: 2000,
    resumeWindowMs: 120_000,
  });
  runtime.agent("worker", async (context) => {
    for (let at = 0; at < eventsPerJob; at++) {
      await context.log("info", `${String(context.input)} ${at}`);
      await sleep(clock, 40, context.signal);
    }
    await context.result.write("first ");
    await context.result.write("second");
    return undefined;
  });
  const dial = () => {
    const [client, far] = network.connect();
    runtime.accept(far);
    return client;
  };
  const act = async (): Promise<Observed[]> => {
    let session: ArcpSession;
    try {
      session = await connect(dial, {
        token: "t",
        clock,
        handshakeTimeoutMs: 3000,
        requestTimeoutMs: 20_000,
        probeAfterMs: 10_000,
        lostAfterMs: 3000,
      });
    } catch (error) {
      return [{ messages: [], streamError: error, result: undefined, error }];
    }
    const seen = await Promise.all([watch(session, "a"), watch(session, "b")]);
    await session.close();
    return seen;
  };
  const seen = await clock.drive(act(), 1_800_000);
  runtime.close();
  return { seen, log: network.log };
}

const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  { weight: 10, arbitrary: fc.constant<Mishap>({ kind: "deliver" }) },
  { weight: 1, arbitrary: fc.constantFrom<Mishap>({ kind: "drop" }, { kind: "swallow" }, { kind: "duplicate" }) },
  { weight: 1, arbitrary: fc.constantFrom<Mishap>({ kind: "reorder" }, { kind: "half-open" }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5000 }).map((ms): Mishap => ({ kind: "delay", ms })) },
);

describe("a network that drops, delays, duplicates, reorders and swallows", () => {
  it("delivers everything over a sound one", async () => {
    const { seen } = await play([]);
    for (const [at, name] of ["a", "b"].entries()) {
      expect(seen[at]).toEqual({
        messages: complete(name),
        streamError: undefined,
        result: "first second",
        error: undefined,
      });
    }
  });

  it("each event once and in order, or a typed error; nothing hangs", async () => {
    let whole = 0;
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mishap, { maxLength: 60 }), async (schedule) => {
        const { seen, log } = await play(schedule);
        const context = log.join("\n");
        for (const [at, observed] of seen.entries()) {
          const expected = complete(["a", "b"][at] ?? "");
          const { messages, streamError, result, error } = observed;
          const gaps = messages.includes("gap");
          // What came is the beginning of what was sent: nothing twice, nothing out of order.
          const sound = messages.filter((message) => message !== "gap");
          if (!gaps) expect(sound, context).toEqual(expected.slice(0, sound.length));
          // Behind a gap notice some may be missing, but the order stands.
          expect(sound, context).toEqual(expected.filter((message) => sound.includes(message)));
          if (error === undefined) {
            expect(result, context).toBe("first second");
            whole++;
          } else {
            expect(ImprestError.isInstance(error), context).toBe(true);
            failed++;
          }
          if (streamError === undefined && error === undefined && !gaps) expect(sound, context).toEqual(expected);
          else if (streamError !== undefined) expect(ImprestError.isInstance(streamError), context).toBe(true);
        }
      }),
      { numRuns: runs, ...(process.env["ARCP_CHAOS_SEED"] && { seed: Number(process.env["ARCP_CHAOS_SEED"]) }) },
    );
    // The law would be worthless if everything failed.
    expect(whole).toBeGreaterThan(failed * 3);
    if (process.env["ARCP_CHAOS_RUNS"])
      console.info(`chaos: ${runs} runs, ${whole} jobs whole, ${failed} typed errors`);
  }, 600_000);
});
