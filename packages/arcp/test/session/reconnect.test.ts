import { describe, expect, it } from "vitest";
import type { ArcpEvent, ArcpJob, ArcpSession } from "../../src/index.ts";
import { type ScriptedFrame, ScriptedRuntime } from "@imprest/testing/arcp";
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

/** Lists jobs as running. */
function lists(runtime: ScriptedRuntime, ...jobIds: string[]): (frame: ScriptedFrame) => void {
  return (frame) => {
    if (frame.type !== "session.list_jobs") return;
    const jobs = jobIds.map((job_id) => ({ job_id, agent: "slow", status: "running" }));
    runtime.send({ type: "session.jobs", payload: { request_id: frame.id, jobs, next_cursor: null } });
  };
}

describe("a lost connection", () => {
  it("without a way back everything settles at once", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ reconnect: false });
    const job = await submitted(runtime, session);
    const list = async (): Promise<void> => void (await session.listJobs().next());
    const waiting = [job.result(), job.text(), messages(job), session.submit({ agent: "a" }), list(), job.cancel()];
    const ends = Promise.all(waiting.map((work) => refusal(work)));
    await turn();
    runtime.drop();
    expect(new Set(await ends)).toEqual(new Set(["SessionEndedError"]));
    expect(session.state).toBe("failed");
    await session.close();
  });

  it("the same session and handles go on, with the newest token and a fresh bearer", async () => {
    const runtime = new ScriptedRuntime();
    let tokens = 0;
    const session = await runtime.connect({ token: () => `bearer-${++tokens}` });
    runtime.onFrame = lists(runtime, "job_1");
    const job = await submitted(runtime, session);
    const seen = messages(job);
    runtime.log("job_1", "one");
    await turn();
    for (let drops = 1; drops <= 2; drops++) {
      runtime.drop();
      await runtime.clock.advance(150);
      const hello = runtime.received[drops]?.[0];
      expect(hello?.payload.resume).toEqual({
        session_id: "sess_1",
        resume_token: `rt_${[1, 5][drops - 1]}`,
        last_event_seq: drops,
      });
      expect(hello?.payload.auth.token).toBe(`bearer-${drops + 1}`);
      runtime.log("job_1", `after drop ${drops}`);
      await turn();
    }
    runtime.succeed("job_1");
    expect(await runtime.clock.drive(seen)).toEqual(["one", "after drop 1", "after drop 2"]);
    expect(await job.result()).toBe("done");
    expect(runtime.states).toEqual(["suspended", "resuming", "live", "suspended", "resuming", "live"]);
  });

  it("back-off grows, and ends with the resume window", async () => {
    const runtime = new ScriptedRuntime();
    runtime.welcome = { resume_window_sec: 60 };
    const attempts: number[] = [];
    const session = await runtime.connect({
      backOff: (attempt) => {
        attempts.push(attempt);
        return 1000 * 2 ** attempt;
      },
    });
    const job = await submitted(runtime, session);
    runtime.onHello = () => ({ type: "nonsense", payload: {} });
    const lost = refusal(job.result());
    runtime.drop();
    expect(await runtime.clock.drive(lost)).toBe("SessionEndedError");
    expect(attempts.slice(0, 3)).toEqual([0, 1, 2]);
    expect(runtime.clock.monotonic()).toBeLessThan(120_000);
  });

  it.each(["session.bye", undefined])(
    "back-off grows too for a runtime that welcomes and then leaves (%s)",
    async (type) => {
      const runtime = new ScriptedRuntime();
      const attempts: number[] = [];
      const session = await runtime.connect({ backOff: (attempt) => (attempts.push(attempt), 1000) });
      const job = await submitted(runtime, session);
      const leave = (): void => (type === undefined ? runtime.drop() : runtime.send({ type, payload: {} }));
      runtime.onHello = () => {
        queueMicrotask(() => queueMicrotask(leave));
        return undefined;
      };
      runtime.drop();
      await runtime.clock.advance(3500);
      expect(attempts).toEqual([0, 1, 2, 3]);
      runtime.onHello = undefined;
      await runtime.clock.advance(1000);
      runtime.log(job.id, "alive");
      await turn();
      runtime.drop();
      await runtime.clock.advance(500);
      expect(attempts).toEqual([0, 1, 2, 3, 0]);
    },
  );

  it("a runtime that refuses the resume is there: a new session is begun at once", async () => {
    const runtime = new ScriptedRuntime();
    const waits: number[] = [];
    const session = await runtime.connect({ backOff: (attempt) => (waits.push(attempt), 5000) });
    const states: string[] = [];
    session.on("state", ({ state }) => states.push(state));
    runtime.onHello = ({ payload }) => {
      if (payload.resume === undefined) return undefined;
      return { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "expired" } };
    };
    runtime.drop();
    await runtime.clock.advance(5500);
    expect([waits, states]).toEqual([[0], ["suspended", "resuming", "live"]]);
  });

  it("one that refuses the new session too, but only for now, is asked again after a wait", async () => {
    const runtime = new ScriptedRuntime();
    const waits: number[] = [];
    const session = await runtime.connect({ backOff: (attempt) => (waits.push(attempt), 5000) });
    runtime.onHello = () => ({
      type: "session.error",
      payload: { code: "INTERNAL_ERROR", message: "busy", retryable: true },
    });
    runtime.drop();
    await runtime.clock.advance(16_000);
    expect([waits, session.state]).toEqual([[0, 1, 2, 3], "resuming"]);
    expect(runtime.received).toHaveLength(5);
  });

  it("a caught-up client that is refused asks once for one event less", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.onFrame = lists(runtime, "job_1");
    const job = await submitted(runtime, session);
    const seen = messages(job);
    runtime.log("job_1", "one");
    runtime.event("job_1", "log", { level: "info", message: "two" }, { id: "msg_two" });
    await turn();
    runtime.onHello = ({ payload }) => {
      if (payload.resume.last_event_seq === 1) return undefined;
      return {
        type: "session.error",
        payload: { code: "RESUME_WINDOW_EXPIRED", message: "replay cap", retryable: false },
      };
    };
    runtime.drop();
    await runtime.clock.advance(150);
    runtime.nextSeq = 2;
    runtime.event("job_1", "log", { level: "info", message: "two" }, { id: "msg_two" });
    runtime.succeed("job_1");
    expect(await runtime.clock.drive(seen)).toEqual(["one", "two"]);
    expect(session.state).toBe("live");
  });

  it("a gap holds delivery and resumes once from before it", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.onFrame = lists(runtime, "job_1");
    const job = await submitted(runtime, session);
    const seen = messages(job);
    runtime.log("job_1", "1");
    const send = (seq: number): void => {
      runtime.nextSeq = seq;
      runtime.event("job_1", "log", { level: "info", message: `${seq}` }, { id: `msg_${seq}` });
    };
    send(4);
    runtime.onHello = () => {
      queueMicrotask(() => {
        for (const seq of [2, 3, 4, 5]) send(seq);
        runtime.succeed("job_1");
      });
      return undefined;
    };
    await runtime.clock.advance(250);
    expect(runtime.received[1]?.[0]?.payload.resume.last_event_seq).toBe(1);
    expect(await runtime.clock.drive(seen)).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("a hole that a resume cannot fill is reported, and not asked for again", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.onFrame = lists(runtime, "job_1");
    const gaps: unknown[] = [];
    session.on("gap", (gap) => gaps.push(gap));
    const job = await submitted(runtime, session);
    expect(job.eventsMissing).toBe(false);
    const seen = messages(job);
    runtime.log("job_1", "1");
    const third = (): void => {
      runtime.nextSeq = 3;
      runtime.event("job_1", "log", { level: "info", message: "3" }, { id: "msg_third" });
    };
    third();
    await runtime.clock.advance(250);
    third();
    runtime.log("job_1", "4");
    runtime.succeed("job_1");
    expect(await runtime.clock.drive(seen)).toEqual(["1", "gap", "3", "4"]);
    expect(job.eventsMissing).toBe(true);
    expect([gaps, runtime.received.length]).toEqual([[{ from: 2, to: 2 }], 2]);
  });

  it("duplicates, and numbers used twice by a runtime that counts by link", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const seen = messages(job);
    runtime.event("job_1", "log", { level: "info", message: "1" }, { id: "msg_a" });
    runtime.nextSeq = 1;
    runtime.event("job_1", "log", { level: "info", message: "1" }, { id: "msg_a" });
    runtime.nextSeq = 1;
    runtime.event("job_1", "log", { level: "info", message: "other" }, { id: "msg_b" });
    runtime.event("job_1", "log", { level: "info", message: "1" }, { id: "msg_a" });
    runtime.succeed("job_1");
    expect(await seen).toEqual(["1", "other"]);
    expect(runtime.warnings).toEqual(["REUSED_SEQ"]);
  });

  it("a job that the runtime no longer has is lost within the probe's time", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    runtime.onFrame = (frame) => {
      lists(runtime)(frame);
      if (frame.type !== "job.subscribe") return;
      runtime.send({
        type: "session.error",
        payload: { code: "JOB_NOT_FOUND", message: "gone", request_id: frame.id },
      });
    };
    const lost = refusal(job.result());
    const stream = refusal(messages(job));
    runtime.drop();
    expect(await runtime.clock.drive(Promise.all([lost, stream]))).toEqual(["JobLostError", "JobLostError"]);
    expect(runtime.clock.monotonic()).toBeLessThan(10_000);
    expect(session.state).toBe("live");
  });

  it("a new session finds the job by subscription, from the last event seen", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const seen = messages(job);
    runtime.log("job_1", "1");
    runtime.log("job_1", "2");
    await turn();
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined) {
        return {
          type: "session.error",
          payload: { code: "RESUME_WINDOW_EXPIRED", message: "expired", retryable: false },
        };
      }
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      expect(frame.payload).toEqual({ job_id: "job_1", history: true, from_event_seq: 2 });
      runtime.send({
        type: "job.subscribed",
        job_id: "job_1",
        payload: {
          job_id: "job_1",
          current_status: "running",
          agent: "slow",
          lease: {},
          subscribed_from: 2,
          replayed: true,
        },
      });
      runtime.nextSeq = 1;
      runtime.log("job_1", "3");
      runtime.succeed("job_1");
    };
    runtime.drop();
    expect(await runtime.clock.drive(seen)).toEqual(["1", "2", "3"]);
    expect([await job.result(), session.id]).toEqual(["done", "sess_2"]);
  });

  it.each([
    ["resubmits under the original key when the caller gave one", { idempotencyKey: "k1" }, "anew"],
    ["fails when the key is the library's own", {}, "JobLostError"],
    ["fails with onLost: fail", { idempotencyKey: "k1", onLost: "fail" }, "JobLostError"],
  ])("a lost job %s", async (_, options, expected) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session, options);
    runtime.log("job_1", "first run");
    await turn();
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined) {
        return { type: "session.error", payload: { code: "INTERNAL_ERROR", message: "bad token", retryable: true } };
      }
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.onFrame = (frame) => {
      if (frame.type === "job.subscribe") {
        runtime.send({ type: "session.error", payload: { code: "JOB_NOT_FOUND", message: "gone" } });
      } else if (frame.type === "job.submit") {
        expect(frame.payload.idempotency_key).toBe("k1");
        runtime.accept("job_2");
        runtime.nextSeq = 1;
        runtime.succeed("job_2", "anew");
      }
    };
    runtime.drop();
    const end = job.result().catch((error: Error) => error.name);
    expect(await runtime.clock.drive(end)).toBe(expected);
  });

  it("a submit lost in a drop is sent again under its key, which is the library's by default", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "slow" });
    const { payload } = await runtime.until("job.submit");
    runtime.onFrame = lists(runtime);
    runtime.drop();
    await runtime.clock.advance(150);
    const again = await runtime.until("job.submit", 2);
    expect([again.payload.idempotency_key, again.payload.idempotency_key]).toEqual([
      payload.idempotency_key,
      expect.any(String),
    ]);
    expect(again.id).not.toBe(runtime.framesOf("job.submit")[0]?.id);
    runtime.accept("job_1");
    expect((await submitting).id).toBe("job_1");
  });

  it("without a key it is not sent again", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = refusal(session.submit({ agent: "slow", idempotencyKey: false }));
    await runtime.until("job.submit");
    runtime.drop();
    expect(await submitting).toBe("ConnectionError");
    await runtime.clock.advance(1000);
    expect(runtime.framesOf("job.submit").length).toBe(1);
  });

  it("a subscription goes on in a new session, behind what it has seen", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const subscribed = (): void =>
      runtime.send({
        type: "job.subscribed",
        job_id: "job_9",
        payload: {
          job_id: "job_9",
          current_status: "running",
          agent: "slow",
          lease: {},
          subscribed_from: 40,
          replayed: false,
        },
      });
    const subscribing = session.subscribe("job_9");
    await runtime.until("job.subscribe");
    subscribed();
    const seen = messages(await subscribing);
    runtime.log("job_9", "1");
    runtime.log("job_9", "2");
    await turn();
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined)
        return { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "" } };
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.subscribe") return;
      expect(frame.payload).toEqual({ job_id: "job_9", history: true, from_event_seq: 40 });
      runtime.nextSeq = 1;
      // This runtime replays before it answers.
      for (const message of ["1", "2", "3"]) runtime.log("job_9", message);
      subscribed();
      runtime.succeed("job_9");
    };
    runtime.drop();
    expect(await runtime.clock.drive(seen)).toEqual(["1", "2", "3"]);
  });

  it("a swallowed end is found by the probe of silent jobs", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ probeAfterMs: 10_000 });
    const job = await submitted(runtime, session);
    runtime.log("job_1", "1");
    let ended = false;
    runtime.onFrame = (frame) => {
      if (frame.type === "session.ping")
        runtime.send({ type: "session.pong", payload: { ping_nonce: frame.payload.nonce } });
      if (ended) lists(runtime)(frame);
      else if (frame.type === "session.list_jobs") {
        const jobs = [{ job_id: "job_1", agent: "slow", status: "running", last_event_seq: 2 }];
        runtime.send({ type: "session.jobs", payload: { request_id: frame.id, jobs } });
      }
    };
    runtime.onHello = () => {
      ended = true;
      queueMicrotask(() => queueMicrotask(() => runtime.succeed("job_1", "found")));
      return undefined;
    };
    expect(await runtime.clock.drive(job.result())).toBe("found");
    expect(runtime.clock.monotonic()).toBeLessThan(60_000);
  });

  it("the heartbeat of a connection that broke ends with it, and never calls the next one lost", async () => {
    const runtime = new ScriptedRuntime();
    runtime.onFrame = ({ type, id, payload }) => {
      if (type === "session.ping") runtime.send({ type: "session.pong", payload: { ping_nonce: payload.nonce } });
      if (type === "session.list_jobs") runtime.send({ type: "session.jobs", payload: { request_id: id, jobs: [] } });
    };
    await runtime.connect();
    runtime.drop();
    await runtime.clock.advance(600_000);
    expect(runtime.received).toHaveLength(2);
    expect(runtime.warnings).toEqual([]);
  });

  it("a session that a listener detaches the moment it is live again leaves no timer behind", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    await submitted(runtime, session);
    session.on("state", ({ state }) => state === "live" && session.detach());
    runtime.drop();
    await runtime.clock.advance(1000);
    expect(session.state).toBe("closed");
    expect(runtime.clock.timers).toBe(0);
  });

  it("a new session whose connection slow consumers drop at once still looks for the old one's jobs", async () => {
    const runtime = new ScriptedRuntime();
    runtime.welcome = { capabilities: { encodings: ["json"], features: ["list_jobs"], agents: [] } };
    const session = await runtime.connect({ bufferSize: 1000 });
    const job = await submitted(runtime, session);
    const reader = job.events();
    // What lies behind the hole is held; the runtime cannot replay it, so that the new session is given it at once.
    const expired = { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "no" } };
    runtime.onHello = ({ payload }) => {
      if (payload.resume?.session_id === "sess_1") return expired;
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.onFrame = ({ type, id }) => {
      const jobs = [{ job_id: "job_1", agent: "slow", status: "running", lease: {}, last_event_seq: 9 }];
      if (type === "session.list_jobs") runtime.send({ type: "session.jobs", payload: { request_id: id, jobs } });
    };
    runtime.nextSeq = 2;
    runtime.log("job_1", "x".repeat(1000));
    await runtime.clock.advance(1000);
    expect(session.state).toBe("suspended");
    expect([(await reader.next()).value?.kind, (await reader.next()).value?.kind]).toEqual(["gap", "log"]);
    const lost = refusal(job.result());
    void reader.next().catch(() => {});
    await runtime.clock.advance(1000);
    expect(runtime.framesOf("session.hello").at(-1)?.payload.resume).toMatchObject({ session_id: "sess_2" });
    expect(await runtime.clock.drive(lost)).toBe("JobLostError");
  });

  it("consumers that are slow for longer than the resume window cost the session, not the job", async () => {
    const runtime = new ScriptedRuntime();
    runtime.welcome = { resume_window_sec: 60 };
    const session = await runtime.connect({ bufferSize: 1000, stallTimeoutMs: 1e9 });
    const job = await submitted(runtime, session);
    const reader = job.events();
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined) {
        return { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "too late" } };
      }
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.log("job_1", "x".repeat(2000));
    await runtime.clock.advance(120_000);
    expect(session.state).toBe("suspended");
    await reader.next();
    void reader.next();
    await runtime.clock.advance(1000);
    expect(session.state).toBe("live");
    expect(runtime.framesOf("job.subscribe").map(({ payload }) => payload.job_id)).toEqual(["job_1"]);
  });

  it("a runtime that ends a session at its cap is gone on with anew, and its jobs are looked for", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    await submitted(runtime, session);
    const message = "Per-session buffered envelope cap exceeded";
    const refused = { type: "session.error", payload: { code: "INTERNAL_ERROR", message } };
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined) return refused;
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.send(refused);
    await runtime.clock.advance(1000);
    expect(session.state).toBe("live");
    expect(session.id).toBe("sess_2");
    expect(runtime.framesOf("job.subscribe").map(({ payload }) => payload.job_id)).toEqual(["job_1"]);
  });

  it("a token that is refused on reconnect ends the session", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    runtime.onHello = () => ({
      type: "session.error",
      session_id: undefined,
      payload: { code: "UNAUTHENTICATED", message: "no" },
    });
    const lost = job.result().catch((error: Error) => [error.name, (error.cause as { errorCode?: string }).errorCode]);
    runtime.drop();
    expect(await runtime.clock.drive(lost)).toEqual(["SessionEndedError", "UNAUTHENTICATED"]);
  });

  it("a detached session goes on elsewhere with its ticket, whose token does not print", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    await submitted(runtime, session);
    runtime.log("job_1", "1");
    await turn();
    const ticket = session.detach();
    const printed = '{"sessionId":"sess_1","resumeToken":"[redacted]","lastEventSeq":1,"jobs":["job_1"]}';
    expect(JSON.stringify(ticket)).toBe(printed);
    expect(runtime.framesOf("session.bye").length + runtime.framesOf("session.close").length).toBe(0);
    const next = await runtime.connect({ resume: ticket });
    expect(runtime.received[1]?.[0]?.payload.resume).toEqual({
      session_id: "sess_1",
      resume_token: "rt_1",
      last_event_seq: 1,
    });
    runtime.onFrame = lists(runtime, "job_1");
    runtime.log("job_1", "2");
    await turn();
    const job = next.job("job_1");
    runtime.succeed("job_1");
    expect(job && (await messages(job))).toEqual(["2"]);
  });
});

describe("a job that runs anew", () => {
  /** A session whose runtime has forgotten it, and the job with it; `resubmitted` answers the submit that follows. */
  async function lostJob(resubmitted: (runtime: ScriptedRuntime) => void, metric?: object) {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session, { idempotencyKey: "k1" });
    runtime.log("job_1", "first run");
    if (metric !== undefined) runtime.event("job_1", "metric", metric);
    await turn();
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined) {
        return { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "expired" } };
      }
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.onFrame = ({ type }) => {
      if (type === "job.subscribe") runtime.send({ type: "session.error", payload: { code: "JOB_NOT_FOUND" } });
      if (type !== "job.submit") return;
      runtime.nextSeq = 1;
      resubmitted(runtime);
    };
    runtime.drop();
    return { runtime, job };
  }

  it("what comes in one breath with the new acceptance is delivered, and what comes before it", async () => {
    const { runtime, job } = await lostJob((runtime) => {
      runtime.log("job_2", "before");
      runtime.accept("job_2");
      for (const message of ["one", "two"]) runtime.log("job_2", message);
      runtime.succeed("job_2", "anew");
    });
    expect(await runtime.clock.drive(messages(job))).toEqual(["first run", "gap", "before", "one", "two"]);
    expect(await job.result()).toBe("anew");
    expect(runtime.warnings).toEqual([]);
  });

  it("what the first run spent was spent", async () => {
    const cost = (value: number): object => ({ name: "cost.work", value, unit: "USD" });
    const { runtime, job } = await lostJob((runtime) => {
      runtime.accept("job_2", { budget: { USD: 1 } });
      runtime.event("job_2", "metric", cost(0.2));
      runtime.succeed("job_2");
    }, cost(0.1));
    await runtime.clock.drive(job.result());
    expect([job.costs, job.budget.remaining("USD")]).toEqual([{ USD: "0.3" }, "0.8"]);
  });

  it("not when it was to be cancelled before", async () => {
    const { runtime, job } = await lostJob((runtime) => runtime.accept("job_2"));
    const cancelling = job.cancel("too dear");
    expect(await runtime.clock.drive(refusal(job.result()))).toBe("JobLostError");
    await runtime.clock.advance(60_000);
    expect(runtime.framesOf("job.submit")).toHaveLength(1);
    await cancelling;
  });

  it("one that is to be cancelled while it is submitted again is cancelled under its new id", async () => {
    const { runtime, job } = await lostJob((runtime) => {
      void job.cancel("too dear").catch(() => {});
      setImmediate(() => runtime.accept("job_2"));
    });
    const ended = refusal(job.result());
    const cancelled = (): boolean => runtime.framesOf("job.cancel").some(({ job_id }) => job_id === "job_2");
    await runtime.clock.advance(10_000);
    expect(cancelled()).toBe(true);
    runtime.numbered("job.error", "job_2", { final_status: "cancelled", code: "CANCELLED", message: "so be it" });
    expect(await runtime.clock.drive(ended)).toBe("CANCELLED");
  });

  it("a runtime that has the job after all, and says how it ended, is believed", async () => {
    const { runtime, job } = await lostJob((runtime) => {
      runtime.accept("job_1");
      runtime.clock.setTimer(() => runtime.succeed("job_1", "the first run's"), 1000);
    });
    expect(await runtime.clock.drive(job.result())).toBe("the first run's");
    expect(job.id).toBe("job_1");
  });

  it("one that has the job but sends no more of it loses it within the probe's time", async () => {
    const { runtime, job } = await lostJob((runtime) => runtime.accept("job_1"));
    expect(await runtime.clock.drive(refusal(job.result()))).toBe("JobLostError");
    expect(runtime.clock.monotonic()).toBeLessThan(20_000);
  });
});
