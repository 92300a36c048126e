import { describe, expect, it } from "vitest";
import { type ArcpEvent, type ArcpJob, type ArcpSession, withReservation } from "../../src/index.ts";
import { type ScriptedFrame, ScriptedRuntime } from "@imprest/testing/arcp";
import { turn } from "../support/turn.ts";

async function submitted(runtime: ScriptedRuntime, session: ArcpSession, options: object = {}): Promise<ArcpJob> {
  const submitting = session.submit({ agent: "slow", ...options });
  await runtime.until("job.submit", runtime.framesOf("job.submit").length + 1);
  runtime.accept("job_1");
  return submitting;
}

async function messages(job: AsyncIterable<ArcpEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of job) seen.push(event.kind === "log" ? event.body.message : event.kind);
  return seen;
}

function gapsOf(session: ArcpSession): unknown[] {
  const gaps: unknown[] = [];
  session.on("gap", (gap) => gaps.push(gap));
  return gaps;
}

/** From now on the runtime refuses every resume, so that each connection begins a new session. */
function forgetSessions(runtime: ScriptedRuntime): void {
  let sessions = 1;
  runtime.onHello = ({ payload }) => {
    if (payload.resume !== undefined)
      return { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "expired" } };
    runtime.sessionId = `sess_${++sessions}`;
    runtime.nextSeq = 1;
    return undefined;
  };
}

/** The answer to a subscription. */
function subscribed(runtime: ScriptedRuntime, { payload, id }: ScriptedFrame, answer: object): void {
  const { job_id } = payload as { job_id: string };
  const described = { job_id, current_status: "running", agent: "slow", lease: {}, request_id: id, replayed: true };
  runtime.send({ type: "job.subscribed", job_id, payload: { ...described, ...answer } });
}

const cost = (value: number): object => ({ name: "cost.work", value, unit: "USD" });

describe("the replay of a job in a new session", () => {
  it("that begins later than asked is a gap, and the settlement says so", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const gaps = gapsOf(session);
    const settling = withReservation(session, { agent: "slow" }, (job) => messages(job));
    await runtime.until("job.submit");
    runtime.accept("job_1");
    runtime.event("job_1", "metric", cost(0.25));
    runtime.log("job_1", "before");
    await turn();
    forgetSessions(runtime);
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      expect(frame.payload.from_event_seq).toBe(2);
      subscribed(runtime, frame, { subscribed_from: 5 });
      runtime.log("job_1", "after");
      runtime.succeed("job_1");
    };
    runtime.drop();
    const { value, settlement } = await runtime.clock.drive(settling);
    expect(value).toEqual(["metric", "before", "gap", "after"]);
    expect(gaps).toEqual([{ from: 3, to: 5 }]);
    expect(settlement).toMatchObject({ spent: { USD: "0.25" }, eventsMissing: true });
  });

  it.each<[string, object, boolean]>([
    ["the number that was asked for", { subscribed_from: 2 }, false],
    ["an earlier one, of what it replays", { subscribed_from: 1 }, false],
    ["nothing", {}, true],
    ["null", { subscribed_from: null }, true],
    ["the subscriber's own last number", { subscribed_from: 0 }, true],
    ["an earlier one, but that nothing is replayed", { subscribed_from: 1, replayed: false }, true],
    ["a later one, and that nothing is replayed", { subscribed_from: 40, replayed: false }, true],
  ])("is whole only where the runtime says so: it gives %s", async (_what, answer, missing) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const gaps = gapsOf(session);
    const job = await submitted(runtime, session);
    for (const message of ["1", "2"]) runtime.log("job_1", message);
    await turn();
    forgetSessions(runtime);
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      subscribed(runtime, frame, answer);
      runtime.log("job_1", "3");
      runtime.succeed("job_1");
    };
    const seen = messages(job);
    runtime.drop();
    expect(await runtime.clock.drive(seen)).toEqual(["1", "2", ...(missing ? ["gap"] : []), "3"]);
    expect([job.eventsMissing, gaps.length]).toEqual([missing, missing ? 1 : 0]);
  });

  it("is in doubt until the runtime has said where it began, for a replay that comes before the answer", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const settling = withReservation(session, { agent: "slow" }, (job) => job.result());
    await runtime.until("job.submit");
    runtime.accept("job_1");
    runtime.log("job_1", "1");
    await turn();
    forgetSessions(runtime);
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      runtime.succeed("job_1");
      runtime.clock.setTimer(() => subscribed(runtime, frame, { subscribed_from: 9 }), 10);
    };
    runtime.drop();
    expect((await runtime.clock.drive(settling)).settlement.eventsMissing).toBe(true);
  });

  it("is asked for from its beginning the next time, and its end is never taken for a frame seen before", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    runtime.log("job_1", "1");
    await turn();
    forgetSessions(runtime);
    const asked: number[] = [];
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      asked.push(frame.payload.from_event_seq);
      subscribed(runtime, frame, { subscribed_from: asked.length === 1 ? 5 : 9 });
      if (asked.length === 1) for (const message of ["6", "7"]) runtime.log("job_1", message);
      else runtime.succeed("job_1", "the end");
    };
    const seen = messages(job);
    runtime.drop();
    await runtime.clock.advance(1000);
    runtime.drop();
    expect(await runtime.clock.drive(seen)).toEqual(["1", "gap", "6", "7", "gap"]);
    expect([asked, await job.result()]).toEqual([[1, 5], "the end"]);
  });

  it("does not bring what jobs spend that were delegated to meanwhile", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    forgetSessions(runtime);
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      subscribed(runtime, frame, { subscribed_from: 0 });
      runtime.event("job_1", "delegate", { delegate_id: "d", agent: "below" });
      runtime.succeed("job_1");
    };
    const seen = messages(job);
    runtime.drop();
    expect(await runtime.clock.drive(seen)).toEqual(["delegate", "gap"]);
    expect(job.eventsMissing).toBe(true);
  });

  it("that is cut for a delegated job is missing from what its parent settles for", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    runtime.accept("job_2", { parent_job_id: "job_1", delegate_id: "d" });
    runtime.event("job_2", "metric", cost(0.25));
    await turn();
    forgetSessions(runtime);
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      subscribed(runtime, frame, { subscribed_from: frame.payload.job_id === "job_1" ? 0 : 7 });
      runtime.succeed(frame.payload.job_id);
    };
    runtime.drop();
    await runtime.clock.drive(job.result());
    expect([job.costs, job.eventsMissing, job.children[0]?.eventsMissing]).toEqual([{ USD: "0.25" }, true, true]);
  });
});

describe("events that no replay brings", () => {
  it("of a subscription with history: a cut history is a gap", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const gaps = gapsOf(session);
    const subscribing = session.subscribe("job_9", { history: true, fromEventSeq: 10 });
    subscribed(runtime, await runtime.until("job.subscribe"), { subscribed_from: 30 });
    const subscription = await subscribing;
    runtime.log("job_9", "31");
    runtime.succeed("job_9");
    expect(await messages(subscription)).toEqual(["gap", "31"]);
    expect([subscription.eventsMissing, gaps]).toEqual([true, [{ from: 11, to: 30 }]]);
  });

  it("of a job that came in a flood before its acceptance, beyond what is kept, are a gap", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const gaps = gapsOf(session);
    const settling = withReservation(session, { agent: "slow" }, (job) => job.result());
    await runtime.until("job.submit");
    for (let at = 0; at < 65_539; at++) runtime.event("job_1", "metric", cost(1));
    await turn();
    runtime.accept("job_1");
    runtime.event("job_1", "metric", cost(1));
    runtime.succeed("job_1");
    const { settlement } = await settling;
    expect(settlement).toMatchObject({ spent: { USD: "65537" }, spentIsExact: false, eventsMissing: true });
    expect(gaps).toEqual([{ from: 65_537, to: 65_539 }]);
  });

  it.each([
    ["the lost job runs anew", "job_2"],
    ["the runtime has it after all", "job_1"],
  ])("are a gap when %s after a submit under its key", async (_how, jobId) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session, { idempotencyKey: "k1" });
    runtime.event("job_1", "metric", cost(0.25));
    await turn();
    forgetSessions(runtime);
    runtime.onFrame = ({ type, id }) => {
      if (type === "job.subscribe")
        runtime.send({ type: "session.error", payload: { code: "JOB_NOT_FOUND", request_id: id } });
      if (type !== "job.submit") return;
      runtime.accept(jobId);
      runtime.succeed(jobId);
    };
    const seen = messages(job);
    runtime.drop();
    expect(await runtime.clock.drive(seen)).toEqual(["metric", "gap"]);
    expect([job.costs, job.eventsMissing]).toEqual([{ USD: "0.25" }, true]);
  });

  it("are a gap where a key of the caller's brings a job that was submitted before", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const missing: boolean[] = [];
    for (const idempotencyKey of ["mine", undefined]) {
      const submitting = session.submit({ agent: "slow", idempotencyKey });
      await runtime.until("job.submit", missing.length + 1);
      const jobId = `job_${missing.length}`;
      runtime.accept(jobId, { trace_id: "a".repeat(32) });
      const job = await submitting;
      runtime.succeed(jobId);
      await job.result();
      missing.push(job.eventsMissing);
    }
    // A key that this library made is nobody else's: there a runtime merely has traces of its own.
    expect(missing).toEqual([true, false]);
  });
});
