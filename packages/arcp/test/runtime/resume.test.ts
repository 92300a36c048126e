import { describe, expect, it } from "vitest";
import { arcpFeatures } from "@imprest/core/models/arcp";
import type { ArcpRuntime } from "../../src/runtime/index.ts";
import { createRuntime, type Frame, RawClient, settle } from "./support.ts";

function resumeOf(welcome: Frame, lastSeq: number): Record<string, unknown> {
  return { session_id: welcome.session_id, resume_token: welcome.payload["resume_token"], last_event_seq: lastSeq };
}

/** An agent that logs whatever it is given from outside. */
function remoteControlled(runtime: ArcpRuntime): { log(text: string): Promise<void>; finish(): void } {
  let log: (text: string) => Promise<void> = async () => {};
  let finish = (): void => {};
  runtime.agent("remote", async (context) => {
    log = (text) => context.log("info", text);
    await new Promise<void>((resolve) => (finish = resolve));
    return "done";
  });
  return { log: (text) => log(text), finish: () => finish() };
}

function numbers(client: RawClient): (number | undefined)[] {
  return client.frames.filter(({ event_seq }) => event_seq !== undefined).map(({ event_seq }) => event_seq);
}

describe("resume (ARCP §6.3)", () => {
  it("a job goes on while nobody is connected, and a resume brings all of it once", async () => {
    const { runtime } = createRuntime();
    const remote = remoteControlled(runtime);
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "remote" });
    await remote.log("one");
    await settle();
    await client.drop();
    await remote.log("two");
    remote.finish();
    await settle();
    const again = new RawClient(runtime);
    const second = await again.hello({ resume: resumeOf(welcome, 1) });
    await again.nextOf("job.result");
    expect(numbers(client)).toEqual([1, 2]);
    expect(numbers(again)).toEqual([2, 3, 4]);
    expect(again.frames[1]?.id).toBe(client.frames.at(-1)?.id);
    expect(second.payload["resume_token"]).not.toBe(welcome.payload["resume_token"]);
  });

  it("a client that has seen everything may resume", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    await client.drop();
    const again = new RawClient(runtime);
    expect((await again.hello({ resume: resumeOf(welcome, 3) })).type).toBe("session.welcome");
    await again.submit({ agent: "echo" });
    await again.nextOf("job.result");
    expect(numbers(again)).toEqual([4, 5, 6]);
  });

  it("refuses a wrong token, a used one, another principal, a number too high; and closes", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.drop();
    const rotated = new RawClient(runtime);
    await rotated.hello({ resume: resumeOf(welcome, 0) });
    await rotated.drop();
    const newest = rotated.frames[0] as Frame;
    const attempts = [
      { resume: { ...resumeOf(newest, 0), resume_token: `rt_${"0".repeat(64)}` } },
      { resume: resumeOf(welcome, 0) },
      { resume: resumeOf(newest, 0), token: "tok-bob" },
      { resume: resumeOf(newest, 1) },
      { resume: { ...resumeOf(newest, 0), session_id: "sess_unknown" } },
    ];
    for (const attempt of attempts) {
      const thief = new RawClient(runtime);
      const answer = await thief.hello(attempt);
      expect(answer).toMatchObject({
        type: "session.error",
        payload: { code: "RESUME_WINDOW_EXPIRED", retryable: false },
      });
      await settle();
      expect(thief.closed).toBeDefined();
    }
    const owner = new RawClient(runtime);
    expect((await owner.hello({ resume: resumeOf(newest, 0) })).type).toBe("session.welcome");
  });

  it("the window ends: the session is gone, the job is not", async () => {
    const { runtime, clock } = createRuntime({ resumeWindowMs: 60_000 });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    const { job_id } = await client.submit({ agent: "wait" });
    await client.drop();
    await clock.advance(60_000);
    const again = new RawClient(runtime);
    expect((await again.hello({ resume: resumeOf(welcome, 0) })).payload.code).toBe("RESUME_WINDOW_EXPIRED");
    const fresh = new RawClient(runtime);
    await fresh.hello();
    fresh.send("session.list_jobs", {});
    expect((await fresh.nextOf("session.jobs")).payload["jobs"]).toMatchObject([{ job_id, status: "running" }]);
  });

  it("takes session.resume as the first frame with auth, or after a hello", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    let welcome = await client.hello();
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    await client.drop();

    const bare = new RawClient(runtime);
    bare.send("session.resume", resumeOf(welcome, 0));
    expect((await bare.nextOf("session.error")).payload.code).toBe("UNAUTHENTICATED");

    const first = new RawClient(runtime);
    first.send("session.resume", { ...resumeOf(welcome, 1), auth: { scheme: "bearer", token: "tok-alice" } });
    welcome = await first.nextOf("session.welcome");
    await first.nextOf("job.result");
    expect(numbers(first)).toEqual([2, 3]);
    await first.drop();

    const after = new RawClient(runtime);
    await after.hello();
    after.send("session.resume", resumeOf(welcome, 2), { session_id: undefined });
    expect((await after.nextOf("session.welcome")).session_id).toBe(welcome.session_id);
    await after.nextOf("job.result");
    expect(numbers(after)).toEqual([3]);
    expect(runtime.counts.sessions).toBe(1);
  });

  it("takes the session from a connection that only seems to live", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    const again = new RawClient(runtime);
    expect((await again.hello({ resume: resumeOf(welcome, 0) })).type).toBe("session.welcome");
    await settle();
    expect(client.closed).toBeDefined();
    await again.submit({ agent: "echo" });
    await again.nextOf("job.result");
    expect(runtime.counts.connections).toBe(1);
  });

  it("brings the acceptance of a delegated job that happened meanwhile, before its events", async () => {
    const { runtime } = createRuntime();
    let go = (): void => {};
    runtime.agent("parent", async (context) => {
      await new Promise<void>((resolve) => (go = resolve));
      const child = await context.delegate({ agent: "echo", input: 1 });
      return child.result();
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "parent", lease_request: { "agent.delegate": ["echo"] } });
    await settle();
    await client.drop();
    go();
    await settle(20);
    const again = new RawClient(runtime);
    await again.hello({ resume: resumeOf(welcome, 1) });
    const accepted = await again.nextOf("job.accepted");
    const started = await again.next(({ type, job_id }) => type === "job.event" && job_id === accepted.job_id);
    expect(accepted.payload["parent_job_id"]).toBeDefined();
    expect(started.payload.body).toEqual({ phase: "running" });
    expect((await again.next(({ type }) => type === "job.result")).payload["result"]).toEqual({ echoed: 1 });
  });
});

describe("acknowledgement and limits (ARCP §6.5)", () => {
  it("frees what was acknowledged, so that a resume from before it is refused", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    client.send("session.ack", { last_processed_seq: 2 });
    client.send("session.ack", { last_processed_seq: 900 });
    await settle();
    await client.drop();
    const early = new RawClient(runtime);
    expect((await early.hello({ resume: resumeOf(welcome, 1) })).payload.code).toBe("RESUME_WINDOW_EXPIRED");
    const late = new RawClient(runtime);
    expect((await late.hello({ resume: resumeOf(welcome, 2) })).type).toBe("session.welcome");
    await late.nextOf("job.result");
    expect(numbers(late)).toEqual([3]);
  });

  it("there is no lifetime wall; unacknowledged frames are forced out oldest first", async () => {
    const { runtime } = createRuntime({ maxOutboxFrames: 100 });
    runtime.agent("chatty", (context) => {
      for (let at = 0; at < 500; at++) void context.log("info", String(at));
      return "done";
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello({ features: [] });
    await client.submit({ agent: "chatty" });
    await client.nextOf("job.result");
    expect(numbers(client)).toEqual(Array.from({ length: 502 }, (_, at) => at + 1));
    await client.drop();
    const early = new RawClient(runtime);
    expect((await early.hello({ resume: resumeOf(welcome, 401) })).payload.code).toBe("RESUME_WINDOW_EXPIRED");
    const late = new RawClient(runtime);
    await late.hello({ resume: resumeOf(welcome, 402) });
    await late.nextOf("job.result");
    expect(numbers(late)).toHaveLength(100);
  });

  it("an agent that awaits waits for the acknowledgements of a client that acknowledges", async () => {
    const { runtime } = createRuntime({ maxOutboxFrames: 100 });
    let sent = 0;
    runtime.agent("chatty", async (context) => {
      for (; sent < 400; sent++) await context.log("info", String(sent));
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "chatty" });
    await settle(50);
    expect(sent).toBeLessThan(60);
    for (let seq = 40; seq <= 400; seq += 40) {
      client.send("session.ack", { last_processed_seq: seq });
      await settle(50);
    }
    await client.nextOf("job.result");
    expect(numbers(client)).toHaveLength(402);
  });

  it("acknowledging is optional: after a while nobody waits for it any more", async () => {
    const { runtime, clock } = createRuntime({ maxOutboxFrames: 100, ackPatienceMs: 5_000 });
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < 400; at++) await context.log("info", String(at));
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "chatty" });
    await clock.advance(5_000);
    await client.nextOf("job.result");
    expect(numbers(client)).toHaveLength(402);
  });

  it("an agent that awaits loses nothing while its client is away, and goes on when the session is over", async () => {
    const { runtime, clock } = createRuntime({ maxOutboxFrames: 100, resumeWindowMs: 60_000 });
    let sent = 0;
    runtime.agent("chatty", async (context) => {
      for (; sent < 400; sent++) await context.log("info", String(sent));
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello({ features: arcpFeatures });
    await client.submit({ agent: "chatty" });
    await client.drop();
    await settle(50);
    expect(sent).toBeLessThan(60);
    const last = numbers(client).at(-1) ?? 0;
    const again = new RawClient(runtime);
    await again.hello({ resume: resumeOf(welcome, last) });
    again.send("session.ack", { last_processed_seq: last });
    await settle(20);
    expect(numbers(again)[0]).toBe(last + 1);
    await again.drop();
    await clock.advance(60_000);
    await settle(20);
    expect(sent).toBe(400);
  });

  it("a resume says what its client has: acknowledgements that were lost with the connection hold nobody up", async () => {
    const { runtime } = createRuntime({ maxOutboxFrames: 100 });
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < 90; at++) await context.log("info", String(at));
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "chatty" });
    await settle(50);
    await client.drop();
    const again = new RawClient(runtime);
    await again.hello({ resume: resumeOf(welcome, numbers(client).at(-1) ?? 0) });
    await again.nextOf("job.result");
    expect([...numbers(client), ...numbers(again)]).toHaveLength(92);
  });

  it("nor for ever after a resume, when the client that came back acknowledges nothing", async () => {
    const { runtime, clock } = createRuntime({ maxOutboxFrames: 100, ackPatienceMs: 5_000 });
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < 190; at++) await context.log("info", String(at));
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "chatty" });
    await client.drop();
    await settle(50);
    const again = new RawClient(runtime);
    await again.hello({ resume: resumeOf(welcome, numbers(client).at(-1) ?? 0) });
    await settle(50);
    expect(again.of("job.result")).toHaveLength(0);
    await clock.advance(5_000);
    await again.nextOf("job.result");
    expect([...numbers(client), ...numbers(again)]).toHaveLength(192);
  });

  it("one back_pressure status each time the lag grows over the threshold", async () => {
    const { runtime } = createRuntime({ backPressureThreshold: 20 });
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < 40; at++) await context.log("info", String(at));
      await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "chatty" });
    await settle(20);
    const warnings = (): number =>
      client.events("status").filter(({ payload }) => payload.body?.["phase"] === "back_pressure").length;
    expect(warnings()).toBe(1);
    client.send("session.ack", { last_processed_seq: 42 });
    await client.submit({ agent: "chatty" });
    await settle(20);
    expect(warnings()).toBe(2);
  });

  it("a connection that takes nothing is ended, not buffered for ever", async () => {
    const { runtime, clock } = createRuntime();
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < 10; at++) await context.log("info", String(at));
    });
    const client = new RawClient(runtime, (transport) => ({
      confidential: true,
      pendingSend: 10_000_000,
      closed: transport.closed,
      send: (text) => transport.send(text),
      close: () => transport.close(),
      onMessage: (listener) => transport.onMessage(listener),
    }));
    await client.hello();
    await client.submit({ agent: "chatty" });
    await clock.advance(31_000);
    expect(client.closed).toBeDefined();
    expect(client.of("session.error").at(-1)?.payload.code).toBe("INTERNAL_ERROR");
  });
});
