import { describe, expect, it } from "vitest";
import { createRuntime, RawClient, settle } from "./support.ts";

describe("hello and welcome", () => {
  it("answers with the negotiated features, a token, and both places of the session id", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello({ features: ["ack", "heartbeat", "nonsense"] });
    expect(welcome.payload).toMatchObject({
      session_id: welcome.session_id,
      resume_token: expect.stringMatching(/^rt_[0-9a-f]{64}$/) as string,
      resume_window_sec: 600,
      heartbeat_interval_sec: 30,
      capabilities: { encodings: ["json"], features: ["heartbeat", "ack"], agents: ["echo", "wait"] },
    });
  });

  it("takes no large frame of whoever has not been welcomed", async () => {
    const { runtime } = createRuntime();
    const large = "x".repeat(70_000);
    const stranger = new RawClient(runtime);
    stranger.send("session.hello", { large });
    expect(await stranger.nextOf("session.error")).toMatchObject({ payload: { code: "INVALID_REQUEST" } });
    await settle();
    expect(stranger.closed).toBeDefined();
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "echo", input: large });
    expect((await client.nextOf("job.result")).payload).toMatchObject({ result: { echoed: large } });
  });

  it("runs a job from submit to result, in one sequence of numbers", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const accepted = await client.submit({ agent: "echo", input: { a: 1 } }, { trace_id: trace });
    const result = await client.nextOf("job.result");
    expect(accepted.payload).toMatchObject({ agent: "echo", lease: {}, trace_id: trace });
    expect(result.payload).toEqual({
      final_status: "success",
      result: { echoed: { a: 1 } },
      output: { echoed: { a: 1 } },
      completed_at: "2026-05-13T12:00:00.000Z",
    });
    const numbered = client.frames.filter(({ event_seq }) => event_seq !== undefined);
    expect(numbered.map(({ event_seq, trace_id, job_id }) => [event_seq, trace_id, job_id])).toEqual(
      [1, 2, 3].map((seq) => [seq, trace, accepted.job_id]),
    );
  });

  it("a bad token is refused at once, without a session id, and the socket closes", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const answer = await client.hello({ token: "nobody" });
    expect(answer).toMatchObject({ type: "session.error", payload: { code: "UNAUTHENTICATED", retryable: false } });
    expect(answer.session_id).toBeUndefined();
    await settle();
    expect(client.closed).toBeDefined();
    expect(runtime.counts).toEqual({ connections: 0, sessions: 0, jobs: 0 });
  });

  it("gives up a connection that says nothing", async () => {
    const { runtime, clock } = createRuntime();
    const client = new RawClient(runtime);
    await clock.advance(10_000);
    expect(client.frames[0]).toMatchObject({ type: "session.error", payload: { code: "UNAUTHENTICATED" } });
    expect(client.closed).toBeDefined();
  });

  it("caps the sessions of a principal, and makes room by ending one that nobody uses (ARCP §14)", async () => {
    const { runtime } = createRuntime({ maxSessionsPerPrincipal: 2 });
    const clients = [new RawClient(runtime), new RawClient(runtime), new RawClient(runtime)];
    const answers = [];
    for (const client of clients) answers.push((await client.hello()).payload.code);
    expect(answers).toEqual([undefined, undefined, "PERMISSION_DENIED"]);
    await clients[0]?.drop();
    const late = new RawClient(runtime);
    expect((await late.hello()).type).toBe("session.welcome");
    const other = new RawClient(runtime);
    expect((await other.hello({ token: "tok-bob" })).type).toBe("session.welcome");
  });

  it("ends a session that only beats its heart (ARCP §14)", async () => {
    const { runtime, clock } = createRuntime({ idleTimeoutMs: 100_000, heartbeatIntervalMs: 10_000 });
    const client = new RawClient(runtime);
    await client.hello();
    for (let beat = 0; beat < 12; beat++) {
      client.send("session.ping", { nonce: "n", sent_at: "t" });
      await clock.advance(10_000);
    }
    expect(client.of("session.bye")[0]?.payload).toEqual({ reason: "idle" });
    expect(runtime.counts.sessions).toBe(0);
  });
});

describe("frames", () => {
  it("ignores unknown members, refuses what is malformed with the request's id", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    client.transport.send("not json");
    expect((await client.nextOf("session.error")).payload.code).toBe("INVALID_REQUEST");
    const id = client.send("job.submit", { agent: "echo" }, { trace_id: "00-4bf92f3577b34da6a3ce929d0e0e4736-01" });
    expect((await client.nextOf("session.error")).payload).toMatchObject({ code: "INVALID_REQUEST", request_id: id });
    const second = client.send("job.submit", { input: 1 });
    expect((await client.nextOf("session.error")).payload).toMatchObject({
      code: "INVALID_REQUEST",
      request_id: second,
    });
    const accepted = await client.submit({ agent: "echo", input: 1 }, { unknown_member: { a: 1 } });
    expect(accepted.type).toBe("job.accepted");
  });

  it("refuses unknown types with their name, but not optional extensions", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    client.send("x-vendor.acme.ping", {}, { extensions: { optional: true } });
    const id = client.send("session.frobnicate", {});
    const answer = await client.nextOf("session.error");
    expect(answer.payload).toMatchObject({ request_id: id, details: { type: "session.frobnicate" } });
  });

  it("takes a frame that came twice once: no second job", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    const frame = { arcp: "1.1", id: "msg_twice", type: "job.submit", payload: { agent: "echo" } };
    client.transport.send(JSON.stringify(frame));
    client.transport.send(JSON.stringify(frame));
    await client.nextOf("job.result");
    await settle();
    expect(client.of("job.accepted")).toHaveLength(1);
  });

  it("requests that pile up are taken in turn, and a flood ends the connection", async () => {
    const { runtime } = createRuntime({ authenticate: async () => "alice" });
    const client = new RawClient(runtime);
    await client.hello();
    for (let at = 0; at < 1_000; at++) client.send("session.list_jobs", {});
    await settle(50);
    expect(client.of("session.jobs")).toHaveLength(1_000);
    const flood = new RawClient(runtime, (transport) => ({
      confidential: true,
      closed: transport.closed,
      send: (text) => transport.send(text),
      close: () => transport.close(),
      onMessage: (listener) => transport.onMessage(listener),
    }));
    await flood.hello();
    for (let at = 0; at < 5_000; at++) flood.send("session.list_jobs", {});
    await settle(50);
    expect(flood.closed).toBeDefined();
  });

  it("closes on a frame over the limit", async () => {
    const { runtime } = createRuntime({ maxFrameCharacters: 1000 });
    const client = new RawClient(runtime);
    await client.hello();
    client.send("job.submit", { agent: "echo", input: "x".repeat(2000) });
    await client.nextOf("session.error");
    await settle();
    expect(client.closed).toBeDefined();
  });

  it("names the feature that was not negotiated (ARCP §6.2)", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello({ features: [] });
    for (const [type, payload] of [
      ["session.list_jobs", {}],
      ["job.subscribe", { job_id: "job_x" }],
      ["job.submit", { agent: "echo", lease_request: { "cost.budget": ["USD:1"] } }],
      ["job.submit", { agent: "echo", lease_request: { "model.use": ["*"] } }],
      ["job.submit", { agent: "echo@1" }],
      ["job.submit", { agent: "echo", lease_constraints: { expires_at: "2999-01-01T00:00:00Z" } }],
    ] as const) {
      const id = client.send(type, payload);
      const { payload: answer } = await client.nextOf("session.error");
      expect(answer).toMatchObject({ code: "INVALID_REQUEST", request_id: id });
      expect(answer["message"]).toContain("negotiated");
    }
  });
});

describe("heartbeats (ARCP §6.4)", () => {
  it("pings when idle, answers pings, and gives up after two silent intervals without ending jobs", async () => {
    const { runtime, clock } = createRuntime({ heartbeatIntervalMs: 10_000 });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "wait" });
    client.send("session.ping", { nonce: "n1", sent_at: "2026-05-13T12:00:00Z" });
    expect((await client.nextOf("session.pong")).payload["ping_nonce"]).toBe("n1");
    await clock.advance(10_000);
    expect(client.of("session.ping").length).toBeGreaterThan(0);
    await clock.advance(15_000);
    expect(client.of("session.error").at(-1)?.payload.code).toBe("HEARTBEAT_LOST");
    expect(client.closed).toBeDefined();
    const again = new RawClient(runtime);
    await again.hello();
    again.send("session.list_jobs", {});
    const jobs = await again.nextOf("session.jobs");
    expect(jobs.payload["jobs"]).toMatchObject([{ job_id, status: "running" }]);
  });
});

describe("close", () => {
  it("answers session.close, takes session.bye, and both leave the session resumable", async () => {
    const { runtime } = createRuntime();
    for (const verb of ["session.close", "session.bye"]) {
      const client = new RawClient(runtime);
      const welcome = await client.hello();
      client.send(verb, { reason: "done" });
      await settle();
      expect(client.of("session.closed")).toHaveLength(verb === "session.close" ? 1 : 0);
      expect(client.closed).toBeDefined();
      const again = new RawClient(runtime);
      const resume = {
        session_id: welcome.session_id,
        resume_token: welcome.payload["resume_token"],
        last_event_seq: 0,
      };
      expect((await again.hello({ resume })).session_id).toBe(welcome.session_id);
    }
  });
});
