import { describe, expect, it } from "vitest";
import { memoryRecordStore } from "@imprest/core";
import { createRuntime, type Frame, RawClient, settle } from "./support.ts";

function resumeOf(welcome: Frame, lastSeq: number): Record<string, unknown> {
  return { session_id: welcome.session_id, resume_token: welcome.payload["resume_token"], last_event_seq: lastSeq };
}

describe("the dialect py (§1.3 to §1.10)", () => {
  it("welcomes with the session in the payload and all of its features", async () => {
    const { runtime } = createRuntime({ dialect: "py" });
    const client = new RawClient(runtime);
    const welcome = await client.hello({ features: ["ack"] });
    expect(welcome.payload).toMatchObject({
      session_id: welcome.session_id,
      accepted_at: expect.any(String) as string,
    });
    const { features } = welcome.payload["capabilities"] as { features: string[] };
    expect(features).toContain("subscribe");
  });

  it("writes budgets as amounts, and bodies in its own words", async () => {
    const { runtime } = createRuntime({ dialect: "py", tools: { search: () => "hit" } });
    runtime.agent("kinds", async (context) => {
      await context.callTool("search", { q: 1 });
      await context.metric({ name: "rows", value: 1, dimensions: { a: 1 } });
      await context.artifact({ uri: "arcp://a", content_type: "text/html", byte_size: 3 });
      await (await context.delegate({ agent: "echo", lease: { "tool.call": ["search"] } })).result();
    });
    const client = new RawClient(runtime);
    await client.hello();
    const lease_request = { "tool.call": ["*"], "agent.delegate": ["*"], "cost.budget": ["USD:5.00"] };
    const accepted = await client.submit({ agent: "kinds", lease_request });
    expect(accepted.payload).toMatchObject({ budget: { USD: "USD:5" }, request_id: expect.any(String) as string });
    await client.next(({ type, job_id }) => type === "job.result" && job_id === accepted.job_id);
    const bodies = client
      .events()
      .filter(({ job_id }) => job_id === accepted.job_id)
      .map(({ payload }) => payload.body);
    const call = bodies[1]?.["tool_call_id"];
    expect(bodies.slice(1)).toEqual([
      { tool_call_id: call, name: "search", arguments: { q: 1 } },
      { tool_call_id: call, output: "hit" },
      { name: "rows", value: 1, attributes: { a: 1 } },
      { uri: "arcp://a", artifact_id: "arcp://a", media_type: "text/html", size_bytes: 3 },
      { child_job_id: expect.any(String) as string, agent: "echo", lease: { "tool.call": ["search"] } },
    ]);
  });

  it("ends a timeout with job.result; lists submitted_at; counts what it replays, before its answer", async () => {
    const { runtime, clock } = createRuntime({ dialect: "py" });
    runtime.agent("named@1", () => "done");
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({
      agent: "wait",
      max_runtime_sec: 1,
      lease_request: { "cost.budget": ["USD:1"] },
    });
    await settle();
    const other = new RawClient(runtime);
    await other.hello();
    other.send("job.subscribe", { job_id, history: true });
    const subscribed = await other.nextOf("job.subscribed");
    expect(other.frames.map(({ type }) => type)).toEqual(["session.welcome", "job.event", "job.subscribed"]);
    expect(subscribed.payload).toMatchObject({ replayed: 1 });
    expect(subscribed.payload["budget"]).toBeUndefined();
    await clock.advance(1_000);
    expect((await client.nextOf("job.result")).payload).toMatchObject({ final_status: "timed_out" });
    await client.submit({ agent: "named" });
    await client.nextOf("job.result");
    client.send("session.list_jobs", { filter: { agent: "named" } });
    expect((await client.nextOf("session.jobs")).payload["jobs"]).toEqual([]);
    client.send("session.list_jobs", { filter: { agent: "named@1" } });
    const { payload } = await client.nextOf("session.jobs");
    expect(payload["jobs"]).toEqual([
      {
        job_id: expect.any(String) as string,
        agent: "named@1",
        status: "success",
        parent_job_id: null,
        submitted_at: expect.any(String) as string,
        trace_id: expect.any(String) as string,
      },
    ]);
    expect("next_cursor" in payload).toBe(false);
  });

  it("takes only ULIDs and UUIDv7s, says nothing to a foreign cancel, and forgets a session whose resume failed", async () => {
    const { runtime } = createRuntime({ dialect: "py" });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    client.transport.send(JSON.stringify({ arcp: "1.1", id: "msg_1", type: "session.list_jobs", payload: {} }));
    const refused = await client.nextOf("session.error");
    expect(refused.payload.code).toBe("INVALID_REQUEST");
    expect(refused.payload["request_id"]).toBeUndefined();
    const { job_id } = await client.submit({ agent: "wait" });
    const second = new RawClient(runtime);
    await second.hello();
    second.send("job.cancel", { reason: "x" }, { job_id });
    await settle();
    expect(second.frames).toHaveLength(1);
    client.send("job.cancel", { reason: "x" }, { job_id });
    expect((await client.nextOf("job.cancelled")).payload).toEqual({
      job_id,
      request_id: expect.any(String) as string,
    });
    await client.drop();
    const wrong = { ...resumeOf(welcome, 0), resume_token: "rt_wrong" };
    expect((await new RawClient(runtime).hello({ resume: wrong })).payload).toMatchObject({
      code: "INTERNAL_ERROR",
      retryable: true,
    });
    expect((await new RawClient(runtime).hello({ resume: resumeOf(welcome, 0) })).type).toBe("session.error");
  });
});

describe("the dialect go", () => {
  it("calls the result output, log attributes fields, and knows no session.bye and no null cursor", async () => {
    const { runtime } = createRuntime({ dialect: "go" });
    runtime.agent("logger", async (context) => {
      await context.log("info", "x", { a: 1 });
      return "value";
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    expect(welcome.payload["session_id"]).toBeUndefined();
    const accepted = await client.submit({ agent: "logger" });
    expect(accepted.payload["request_id"]).toBeUndefined();
    expect((await client.nextOf("job.result")).payload).toEqual({ final_status: "success", output: "value" });
    expect(client.events("log")[0]?.payload.body).toEqual({ level: "info", message: "x", fields: { a: 1 } });
    client.send("session.list_jobs", {});
    expect("next_cursor" in (await client.nextOf("session.jobs")).payload).toBe(false);
    const id = client.send("session.bye", {});
    expect((await client.nextOf("session.error")).payload).toMatchObject({ code: "INVALID_REQUEST", request_id: id });
  });

  it("discards a closed session", async () => {
    const { runtime } = createRuntime({ dialect: "go" });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    client.send("session.close", { reason: "bye" });
    await client.nextOf("session.closed");
    await settle();
    expect((await new RawClient(runtime).hello({ resume: resumeOf(welcome, 0) })).payload.code).toBe(
      "RESUME_WINDOW_EXPIRED",
    );
  });

  it("numbers a rotation but does not keep it: a resumed stream has a hole that a client must not resume over again", async () => {
    const provisioner = {
      issue: async ({ grantId }: { grantId: string }) => [
        { id: "cred_1", scheme: "bearer", value: `sk-${grantId}`, endpoint: "https://gateway.example.com" },
      ],
      revoke: async () => {},
    };
    const { runtime } = createRuntime({ dialect: "go", credentials: { provisioner, records: memoryRecordStore() } });
    runtime.agent("rotator", async (context) => {
      await context.rotateCredential("cred_1");
      await context.log("info", "after");
    });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "rotator" });
    await client.nextOf("job.result");
    await client.drop();
    const again = new RawClient(runtime);
    await again.hello({ resume: resumeOf(welcome, 0) });
    await again.nextOf("job.result");
    const numbers = (of: RawClient): unknown[] => of.frames.flatMap(({ event_seq }) => event_seq ?? []);
    expect(numbers(client)).toEqual([1, 2, 3, 4]);
    expect(numbers(again)).toEqual([1, 3, 4]);
  });
});

describe("the dialect ts, beyond the recordings", () => {
  it("jobs die with the connection, nothing is buffered, nothing is listed", async () => {
    const { runtime } = createRuntime({ dialect: "ts" });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "wait" });
    await settle();
    await client.drop();
    const again = new RawClient(runtime);
    await again.hello({ resume: resumeOf(welcome, 0) });
    again.send("session.list_jobs", {});
    expect((await again.nextOf("session.jobs")).payload["jobs"]).toEqual([]);
    expect(again.of("job.error")).toHaveLength(0);
  });

  it("lets another principal resume, keeps the socket of a refused handshake open", async () => {
    const { runtime } = createRuntime({ dialect: "ts" });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    await client.drop();
    const bob = new RawClient(runtime);
    expect((await bob.hello({ token: "tok-bob", resume: resumeOf(welcome, 1) })).type).toBe("session.welcome");
    const open = new RawClient(runtime);
    await open.hello({ resume: resumeOf(welcome, 1) });
    await settle();
    expect(open.closed).toBeUndefined();
    expect((await open.hello()).type).toBe("session.welcome");
  });

  it("acknowledgements free nothing", async () => {
    const { runtime } = createRuntime({ dialect: "ts" });
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    client.send("session.ack", { last_processed_seq: 3 });
    await settle();
    await client.drop();
    const again = new RawClient(runtime);
    expect((await again.hello({ resume: resumeOf(welcome, 0) })).type).toBe("session.welcome");
  });

  it("reports what remains before the cost that made it so", async () => {
    const { runtime } = createRuntime({ dialect: "ts" });
    runtime.agent("spender", (context) => context.metric({ name: "cost.llm", value: 0.5, unit: "USD" }));
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "spender", lease_request: { "cost.budget": ["USD:1"] } });
    await client.nextOf("job.result");
    expect(client.events("metric").map(({ payload }) => payload.body?.["name"])).toEqual([
      "cost.budget.remaining",
      "cost.llm",
    ]);
  });
});
