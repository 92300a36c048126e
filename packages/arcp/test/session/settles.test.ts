import { describe, expect, it } from "vitest";
import type { ArcpEvent, ArcpJob, ArcpSession } from "../../src/index.ts";
import { connect, createMemoryPair } from "../../src/index.ts";
import { ManualClock, drive, turn } from "../support/manual-clock.ts";
import { ScriptedRuntime, refusal } from "../support/scripted-runtime.ts";

async function submitted(runtime: ScriptedRuntime, session: ArcpSession, options: object = {}): Promise<ArcpJob> {
  const submitting = session.submit({ agent: "slow", ...options });
  await runtime.until("job.submit", runtime.sent("job.submit").length + 1);
  runtime.accept("job_1");
  return submitting;
}

async function messages(job: AsyncIterable<ArcpEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of job) seen.push(event.kind === "log" ? event.body.message : event.kind);
  return seen;
}

/** Sends a log under a number of its own. */
function numberedLog(runtime: ScriptedRuntime, seq: number): void {
  runtime.nextSeq = seq;
  runtime.event("job_1", "log", { level: "info", message: `${seq}` }, { id: `msg_${seq}` });
}

const refused = (code: string): object => ({ type: "session.error", payload: { code, message: "no" } });

describe("frames that were swapped on the way", () => {
  it("are put in order on the connection they came on, without a word", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const seen = messages(job);
    for (const seq of [1, 3]) numberedLog(runtime, seq);
    await runtime.clock.advance(1);
    for (const seq of [2, 5, 6]) numberedLog(runtime, seq);
    await runtime.clock.advance(99);
    numberedLog(runtime, 4);
    runtime.nextSeq = 7;
    runtime.succeed("job_1");
    expect(await drive(runtime.clock, seen)).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect([runtime.received.length, runtime.warnings]).toEqual([1, []]);
    expect(job.eventsMissing).toBe(false);
  });

  it("are waited for a tenth of a second; then the connection is made again", async () => {
    const runtime = new ScriptedRuntime();
    await submitted(runtime, await runtime.connect());
    for (const seq of [1, 3]) numberedLog(runtime, seq);
    await runtime.clock.advance(99);
    expect(runtime.states).toEqual([]);
    await runtime.clock.advance(2);
    expect([runtime.states, runtime.warnings]).toEqual([["suspended"], ["GAP"]]);
  });

  it("without a way back are waited for as long; then they are a gap", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ reconnect: false });
    const job = await submitted(runtime, session);
    const seen = messages(job);
    for (const seq of [1, 3]) numberedLog(runtime, seq);
    await runtime.clock.advance(101);
    numberedLog(runtime, 2);
    runtime.nextSeq = 4;
    runtime.succeed("job_1");
    // The late one was reported as missing, and stays so.
    expect(await drive(runtime.clock, seen)).toEqual(["1", "gap", "3"]);
  });

  it("leave no timer behind when the session ends first", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ reconnect: false });
    await submitted(runtime, session);
    numberedLog(runtime, 2);
    await turn();
    session.detach();
    expect(runtime.clock.pending).toBe(0);
  });
});

describe("a runtime that welcomes and leaves, again and again", () => {
  /** Counts the connections until the session is given up. */
  async function given(windowSec: number, backOffMs: number): Promise<{ dials: number; elapsedMs: number }> {
    const runtime = new ScriptedRuntime();
    runtime.welcome = { resume_window_sec: windowSec };
    const session = await runtime.connect({ backOff: () => backOffMs });
    const job = await submitted(runtime, session);
    runtime.onHello = () => {
      queueMicrotask(() => queueMicrotask(() => runtime.drop()));
      return runtime.defaultWelcome();
    };
    runtime.drop();
    expect(await drive(runtime.clock, refusal(job.result()), 86_400_000)).toBe("SessionEndedError");
    return { dials: runtime.received.length, elapsedMs: runtime.clock.elapsedMs };
  }

  it("is given up when the resume window has passed without an event", async () => {
    const { dials, elapsedMs } = await given(60, 5000);
    expect(dials).toBeLessThan(20);
    expect(elapsedMs).toBeGreaterThan(60_000);
    expect(elapsedMs).toBeLessThan(90_000);
  });

  it("is given up after a hundred welcomes, however long its window", async () => {
    expect((await given(86_400, 10)).dials).toBe(100);
  });
});

describe("a token that is refused when the connection is made again", () => {
  it("is asked for once more, and its source learns that the last one was refused", async () => {
    const runtime = new ScriptedRuntime();
    const asked: boolean[] = [];
    const token = ({ refused: isRefused }: { readonly refused: boolean }): string => {
      asked.push(isRefused);
      return isRefused ? "fresh" : "stale";
    };
    const session = await runtime.connect({ token });
    const job = await submitted(runtime, session);
    runtime.onHello = ({ payload }) => (payload.auth.token === "fresh" ? undefined : refused("UNAUTHENTICATED"));
    runtime.drop();
    await runtime.clock.advance(150);
    expect([asked, session.state]).toEqual([[false, false, true], "live"]);
    runtime.succeed("job_1");
    expect(await drive(runtime.clock, job.result())).toBe("done");
    // What was accepted since is no refused token any more.
    runtime.onHello = undefined;
    runtime.drop();
    await runtime.clock.advance(150);
    expect(asked).toEqual([false, false, true, false]);
  });

  it("and refused again ends the session", async () => {
    const runtime = new ScriptedRuntime();
    let asked = 0;
    const session = await runtime.connect({ token: () => `t${++asked}` });
    const job = await submitted(runtime, session);
    runtime.onHello = () => refused("UNAUTHENTICATED");
    const lost = job.result().catch((error: Error) => [error.name, (error.cause as { errorCode?: string }).errorCode]);
    runtime.drop();
    expect(await drive(runtime.clock, lost)).toEqual(["SessionEndedError", "UNAUTHENTICATED"]);
    expect(asked).toBe(3);
  });
});

describe("a runtime that starts later than its client", () => {
  it("is dialled until it is there, within `waitForMs`", async () => {
    const clock = new ManualClock();
    const runtime = new ScriptedRuntime();
    let dials = 0;
    const dial = (): ReturnType<typeof runtime.dial> => {
      dials++;
      if (clock.elapsedMs >= 5000) return runtime.dial();
      const [near, far] = createMemoryPair();
      far.close(1006);
      return near;
    };
    const connecting = connect(dial, { token: "t", clock, backOff: () => 1000, waitForMs: 10_000 });
    expect((await drive(clock, connecting)).state).toBe("live");
    expect(dials).toBe(6);
  });

  it("and later than `waitForMs`, or that refuses the client, is not waited for", async () => {
    const clock = new ManualClock();
    const dial = (): ReturnType<ScriptedRuntime["dial"]> => {
      const [near, far] = createMemoryPair();
      far.close(1006);
      return near;
    };
    const options = { token: "t", clock, backOff: () => 1000 };
    expect(await drive(clock, refusal(connect(dial, { ...options, waitForMs: 3000 })))).toBe("ConnectionError");
    expect(clock.elapsedMs).toBe(3000);
    expect(await drive(clock, refusal(connect(dial, options)))).toBe("ConnectionError");
    const runtime = new ScriptedRuntime();
    runtime.onHello = () => refused("UNAUTHENTICATED");
    expect(await drive(runtime.clock, refusal(runtime.connect({ waitForMs: 3000 })))).toBe("UNAUTHENTICATED");
    expect(runtime.received).toHaveLength(1);
  });
});
