import { describe, expect, it } from "vitest";
import type { ArcpEvent, ArcpJob, ArcpSession, ListedJob } from "../../src/index.ts";
import { connect, createMemoryPair } from "../../src/index.ts";
import { createManualClock } from "@imprest/testing";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
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

/** Sends a log under a number of its own. */
function numberedLog(runtime: ScriptedRuntime, seq: number): void {
  runtime.nextSeq = seq;
  runtime.event("job_1", "log", { level: "info", message: `${seq}` }, { id: `msg_${seq}` });
}

async function listed(jobs: AsyncIterable<ListedJob>): Promise<ListedJob[]> {
  const all: ListedJob[] = [];
  for await (const job of jobs) all.push(job);
  return all;
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
    expect(await runtime.clock.drive(seen)).toEqual(["1", "2", "3", "4", "5", "6"]);
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
    expect(await runtime.clock.drive(seen)).toEqual(["1", "gap", "3"]);
  });

  it("leave no timer behind when the session ends first", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ reconnect: false });
    await submitted(runtime, session);
    numberedLog(runtime, 2);
    await turn();
    session.detach();
    expect(runtime.clock.timers).toBe(0);
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
      return undefined;
    };
    runtime.drop();
    expect(await runtime.clock.drive(refusal(job.result()), 86_400_000)).toBe("SessionEndedError");
    return { dials: runtime.received.length, elapsedMs: runtime.clock.monotonic() };
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
    expect(await runtime.clock.drive(job.result())).toBe("done");
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
    expect(await runtime.clock.drive(lost)).toEqual(["SessionEndedError", "UNAUTHENTICATED"]);
    expect(asked).toBe(3);
  });
});

describe("a runtime that starts later than its client", () => {
  it("is dialled until it is there, within `waitForMs`", async () => {
    const clock = createManualClock();
    const runtime = new ScriptedRuntime();
    let dials = 0;
    const dial = (): ReturnType<typeof runtime.dial> => {
      dials++;
      if (clock.monotonic() >= 5000) return runtime.dial();
      const [near, far] = createMemoryPair();
      far.close(1006);
      return near;
    };
    const connecting = connect(dial, { token: "t", clock, backOff: () => 1000, waitForMs: 10_000 });
    expect((await clock.drive(connecting)).state).toBe("live");
    expect(dials).toBe(6);
  });

  it("and later than `waitForMs`, or that refuses the client, is not waited for", async () => {
    const clock = createManualClock();
    const dial = (): ReturnType<ScriptedRuntime["dial"]> => {
      const [near, far] = createMemoryPair();
      far.close(1006);
      return near;
    };
    const options = { token: "t", clock, backOff: () => 1000 };
    expect(await clock.drive(refusal(connect(dial, { ...options, waitForMs: 3000 })))).toBe("ConnectionError");
    expect(clock.monotonic()).toBe(3000);
    expect(await clock.drive(refusal(connect(dial, options)))).toBe("ConnectionError");
    const runtime = new ScriptedRuntime();
    runtime.onHello = () => refused("UNAUTHENTICATED");
    expect(await runtime.clock.drive(refusal(runtime.connect({ waitForMs: 3000 })))).toBe("UNAUTHENTICATED");
    expect(runtime.received).toHaveLength(1);
  });
});

describe("a listing of jobs", () => {
  /** Answers each page after `latencyMs`. */
  function pages(runtime: ScriptedRuntime, latencyMs: number, page: (at: number) => object): void {
    let at = 0;
    runtime.onFrame = ({ type, id }) => {
      if (type !== "session.list_jobs") return;
      const payload = { request_id: id, ...page(at++) };
      runtime.clock.setTimer(() => runtime.send({ type: "session.jobs", payload }), latencyMs);
    };
  }
  const entry = (at: number): object => ({ job_id: `job_${at}`, agent: "slow", status: "running" });

  it("of empty pages without an end is a typed error", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    pages(runtime, 1, (at) => ({ jobs: [], next_cursor: `c${at}` }));
    expect(await runtime.clock.drive(refusal(listed(session.listJobs({ limit: 5 }))))).toBe("ResponseFormatError");
    expect(runtime.framesOf("session.list_jobs")).toHaveLength(100);
  });

  it("has one deadline for all its pages, which the consumer's own time is no part of", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    pages(runtime, 300, (at) => ({ jobs: [entry(at)], next_cursor: `c${at}` }));
    const late = refusal(listed(session.listJobs({ timeoutMs: 1000 })));
    expect(await runtime.clock.drive(late)).toBe("TimeoutError");
    expect(runtime.clock.monotonic()).toBe(1000);
    const slowly = async (): Promise<string[]> => {
      const seen: string[] = [];
      for await (const { jobId } of session.listJobs({ timeoutMs: 1000, limit: 3 })) {
        seen.push(jobId);
        await new Promise<void>((resolve) => void runtime.clock.setTimer(resolve, 5000));
      }
      return seen;
    };
    expect(await runtime.clock.drive(slowly())).toHaveLength(3);
  });

  it("ends when the runtime gives a cursor again, of whatever page", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    pages(runtime, 1, (at) => ({ jobs: [entry(at)], next_cursor: `c${at % 3}` }));
    expect(await runtime.clock.drive(listed(session.listJobs()))).toHaveLength(4);
  });
});

describe("a job that the runtime shows as ended, and whose end it never brings", () => {
  /** Forgets its sessions; replays events of the job that say nothing of its end. */
  function withoutEnds(runtime: ScriptedRuntime, options: { readonly afterReplay?: () => void } = {}): void {
    let sessions = 1;
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined) return refused("RESUME_WINDOW_EXPIRED");
      runtime.sessionId = `sess_${++sessions}`;
      runtime.nextSeq = 1;
      return undefined;
    };
    runtime.onFrame = ({ type, id }) => {
      if (type === "session.list_jobs") {
        const jobs = [{ job_id: "job_1", agent: "slow", status: "success", last_event_seq: 5 }];
        runtime.send({ type: "session.jobs", payload: { request_id: id, jobs } });
      }
      if (type === "job.submit") runtime.accept("job_1", { request_id: id });
      if (type !== "job.subscribe") return;
      const answer = { job_id: "job_1", current_status: "success", agent: "slow", lease: {}, subscribed_from: 2 };
      runtime.send({ type: "job.subscribed", job_id: "job_1", payload: { ...answer, request_id: id, replayed: true } });
      runtime.clock.setTimer(() => {
        for (const message of ["3", "4"]) runtime.log("job_1", message);
        options.afterReplay?.();
      }, 5);
    };
  }

  it.each([
    ["is not available", {}, 0],
    ["is not available though it was submitted again under its key", { idempotencyKey: "mine" }, 1],
  ])("%s", async (_what, options, resubmits) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ lostAfterMs: 300, probeAfterMs: 600 });
    const job = await submitted(runtime, session, options);
    for (const message of ["1", "2"]) runtime.log("job_1", message);
    await turn();
    withoutEnds(runtime);
    runtime.drop();
    expect(await runtime.clock.drive(refusal(job.outcome()))).toBe("ResultUnavailableError");
    expect(runtime.clock.monotonic()).toBeLessThan(5000);
    expect([session.id, runtime.framesOf("job.submit").length - 1]).toEqual(["sess_2", resubmits]);
  });

  it("is not available either when each connection breaks before the replay is silent", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ lostAfterMs: 300, probeAfterMs: 600 });
    const job = await submitted(runtime, session);
    runtime.log("job_1", "1");
    await turn();
    withoutEnds(runtime, { afterReplay: () => runtime.clock.setTimer(() => runtime.drop(), 100) });
    runtime.drop();
    expect(await runtime.clock.drive(refusal(job.outcome()))).toBe("ResultUnavailableError");
    expect(session.id).toBe("sess_5");
  });
});

describe("a runtime without heartbeats and listings", () => {
  it("that sends nothing of a running job for long is connected to again", async () => {
    const runtime = new ScriptedRuntime();
    const features = ["subscribe", "ack"];
    runtime.welcome = { capabilities: { encodings: ["json"], features, agents: [] } };
    const session = await runtime.connect({ idleTimeoutMs: 120_000, probeAfterMs: 30_000 });
    runtime.onFrame = ({ type, payload }) => {
      if (type === "session.ping") runtime.send({ type: "session.pong", payload: { ping_nonce: payload.nonce } });
    };
    await runtime.clock.advance(600_000);
    // Without a job nobody waits for anything.
    expect(runtime.received).toHaveLength(1);
    const job = await submitted(runtime, session);
    runtime.log("job_1", "1");
    await runtime.clock.advance(100_000);
    runtime.log("job_1", "2");
    await runtime.clock.advance(100_000);
    expect(runtime.received).toHaveLength(1);
    runtime.onHello = () => {
      queueMicrotask(() => queueMicrotask(() => runtime.succeed("job_1", "found")));
      return undefined;
    };
    expect(await runtime.clock.drive(job.result())).toBe("found");
    expect(runtime.received).toHaveLength(2);
    expect(runtime.clock.monotonic()).toBeLessThan(600_000 + 100_000 + 160_000);
  });

  it("on a single transport ends the session only where an idle limit is set", async () => {
    const capabilities = { encodings: ["json"], features: [], agents: [] };
    for (const [options, state] of [
      [{}, "live"],
      [{ idleTimeoutMs: 60_000 }, "failed"],
    ] as const) {
      const runtime = new ScriptedRuntime();
      runtime.welcome = { capabilities };
      const session = await runtime.connect({ reconnect: false, ...options });
      const job = await submitted(runtime, session);
      const lost = refusal(job.outcome());
      await runtime.clock.advance(3_600_000);
      expect(session.state).toBe(state);
      if (state === "failed") expect(await lost).toBe("SessionEndedError");
      session.detach();
    }
  });
});

describe("a frame of another session", () => {
  it("is not taken, with a warning", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    runtime.send({
      type: "job.result",
      session_id: "sess_other",
      job_id: "job_1",
      event_seq: 1,
      payload: { final_status: "success", result: "another's" },
    });
    runtime.succeed("job_1", "own");
    expect(await job.result()).toBe("own");
    expect(runtime.warnings).toEqual(["FOREIGN_FRAME"]);
  });
});

describe("a session that goes on from a ticket", () => {
  it("has a handle of a job that is silent, which can cancel it", async () => {
    const first = new ScriptedRuntime();
    const session = await first.connect();
    await submitted(first, session);
    const ticket = session.detach();
    const next = await first.connect({ resume: ticket });
    const job = next.job("job_1");
    expect(job?.status).toBe("pending");
    const asked = await first.until("session.list_jobs");
    const jobs = [{ job_id: "job_1", agent: "slow@1", status: "running", lease: { "tool.call": ["*"] } }];
    first.send({ type: "session.jobs", payload: { request_id: asked.id, jobs } });
    await turn();
    expect([job?.agent, job?.status, job?.lease]).toEqual(["slow@1", "running", { "tool.call": ["*"] }]);
    const cancelling = job?.cancel("enough");
    const { id, job_id } = await first.until("job.cancel");
    first.send({ type: "job.cancelled", job_id, payload: { job_id, request_id: id } });
    await cancelling;
    first.numbered("job.error", "job_1", { final_status: "cancelled", code: "CANCELLED", message: "so be it" });
    expect((await job?.outcome())?.status).toBe("cancelled");
  });

  it("searches for a job that the runtime no longer lists", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    await submitted(runtime, session);
    const next = await runtime.connect({ resume: session.detach() });
    runtime.onFrame = ({ type, id }) => {
      if (type === "session.list_jobs") runtime.send({ type: "session.jobs", payload: { request_id: id, jobs: [] } });
      if (type === "job.subscribe")
        runtime.send({ type: "session.error", payload: { code: "JOB_NOT_FOUND", message: "no", request_id: id } });
    };
    const [listing] = runtime.framesOf("session.list_jobs");
    runtime.send({ type: "session.jobs", payload: { request_id: listing?.id, jobs: [] } });
    const job = next.job("job_1");
    expect(job && (await runtime.clock.drive(refusal(job.outcome())))).toBe("JobLostError");
  });

  it("takes the jobs that run from the listing where the ticket names none", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    await submitted(runtime, session);
    const { jobs: _jobs, ...ticket } = session.detach() ?? { jobs: [] };
    const next = await runtime.connect({ resume: ticket as never });
    const { id } = await runtime.until("session.list_jobs");
    const jobs = ["job_1", "job_2"].map((job_id, at) => ({
      job_id,
      agent: "slow",
      status: ["running", "success"][at],
    }));
    runtime.send({ type: "session.jobs", payload: { request_id: id, jobs } });
    await turn();
    expect([next.job("job_1")?.status, next.job("job_2")]).toEqual(["running", undefined]);
  });

  it("attaches to a job by its id, also to one that has ended", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    await submitted(runtime, session);
    const { jobs: _jobs, ...ticket } = session.detach() ?? { jobs: [] };
    const next = await runtime.connect({ resume: { ...ticket, jobs: [] } as never });
    const answer = (current_status: string, id: string, job_id: string): void =>
      runtime.send({
        type: "job.subscribed",
        job_id,
        payload: { job_id, current_status, agent: "slow", lease: {}, subscribed_from: 0, request_id: id },
      });
    const attaching = next.attach("job_1");
    answer("running", (await runtime.until("job.subscribe")).id, "job_1");
    const job = await attaching;
    expect(await next.attach("job_1")).toMatchObject({ id: "job_1" });
    runtime.succeed("job_1", "late");
    expect(await job.result()).toBe("late");
    const ended = next.attach("job_2");
    answer("success", (await runtime.until("job.subscribe", 2)).id, "job_2");
    const replay = await runtime.until("job.subscribe", 3);
    expect(replay.payload).toEqual({ job_id: "job_2", history: true, from_event_seq: 0 });
    answer("success", replay.id, "job_2");
    runtime.succeed("job_2", "early");
    expect(await (await ended).result()).toBe("early");
  });
});
