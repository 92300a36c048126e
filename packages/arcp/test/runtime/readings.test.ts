import { describe, expect, it } from "vitest";
import { createRuntime, RawClient, settle } from "./support.ts";

const budgeted = { "cost.budget": ["USD:5.00"], "tool.call": ["*"], "agent.delegate": ["*"] };

describe("one dialect for every client", () => {
  it("writes the members that each library asks for, to everyone", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    expect(welcome.payload["accepted_at"]).toBe("2026-05-13T12:00:00.000Z");
    const accepted = await client.submit({ agent: "echo", input: 1 });
    expect(accepted.payload["accepted_at"]).toBe("2026-05-13T12:00:00.000Z");
    const result = await client.nextOf("job.result");
    expect(result.payload).toMatchObject({ result: { echoed: 1 }, output: { echoed: 1 } });
    client.send("session.list_jobs", {});
    const { payload } = await client.nextOf("session.jobs");
    const [job] = payload["jobs"] as Record<string, unknown>[];
    expect(job?.["submitted_at"]).toBe(job?.["created_at"]);
  });

  it("says when a job ended, the same for whoever joins it later", async () => {
    const { runtime, clock } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "echo", idempotency_key: "once" });
    const first = await client.nextOf("job.result");
    await clock.advance(5_000);
    await client.submit({ agent: "echo", idempotency_key: "once" });
    const again = await client.nextOf("job.result");
    expect(again.payload["completed_at"]).toBe(first.payload["completed_at"]);
  });

  it("streams bytes in one encoding, the last chunk and later text included", async () => {
    const { runtime } = createRuntime();
    runtime.agent("bytes", async ({ result }) => {
      await result.write(new Uint8Array([0, 255]));
      await result.write("text");
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "bytes" });
    await client.nextOf("job.result");
    const chunks = client.events("result_chunk").map(({ payload }) => payload.body);
    expect(chunks.map((body) => body?.["encoding"])).toEqual(["base64", "base64", "base64"]);
    expect(atob(String(chunks[1]?.["data"]))).toBe("text");
  });
});

describe("a client of the Python library", () => {
  it.each([
    ["by its name", { name: "my-python-app" }],
    [
      "by the list of agents that only it writes",
      { more: { capabilities: { features: ["cost.budget"], agents: [] } } },
    ],
  ])("is known %s, and reads budgets as texts", async (_how, hello) => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello(hello);
    const accepted = await client.submit({ agent: "echo", lease_request: { "cost.budget": ["USD:5.00"] } });
    expect(accepted.payload["budget"]).toEqual({ USD: "USD:5" });
  });

  it("gets every end but a failure as a result, and bodies in its words; another client of the same job the draft's", async () => {
    const { runtime } = createRuntime({ tools: { search: () => "hit" } });
    runtime.agent("search", (context) => context.callTool("search", { q: 1 }).then(() => new Promise(() => {})));
    const client = new RawClient(runtime);
    await client.hello({ name: "python" });
    const observer = new RawClient(runtime);
    await observer.hello();
    const { job_id } = await client.submit({ agent: "search", lease_request: budgeted });
    observer.send("job.subscribe", { job_id, history: true });
    await observer.nextOf("job.subscribed");
    await client.next(({ payload }) => payload.kind === "tool_result");
    client.send("job.cancel", { reason: "enough" }, { job_id });
    await settle();
    runtime.close();
    const end = await client.nextOf("job.result");
    expect(end.payload).toEqual({ final_status: "cancelled", completed_at: expect.any(String) as string });
    expect(client.events("tool_call")[0]?.payload.body).toMatchObject({ name: "search", arguments: { q: 1 } });
    expect((await observer.nextOf("job.error")).payload).toMatchObject({
      final_status: "cancelled",
      code: "CANCELLED",
    });
    expect(observer.events("tool_call")[0]?.payload.body).toMatchObject({ tool: "search", args: { q: 1 } });
  });

  it.each(["python", "arcp-go-client", "arcp-client-java"])(
    "gets no acceptance that it would take for the answer to its own submit: %s",
    async (name) => {
      const { runtime } = createRuntime();
      runtime.agent("boss", async (context) => (await context.delegate({ agent: "echo" })).result());
      const client = new RawClient(runtime);
      await client.hello({ name });
      await client.submit({ agent: "boss", lease_request: budgeted });
      await client.nextOf("job.result");
      expect(client.of("job.accepted")).toHaveLength(1);
    },
  );
});

describe("a client of the TypeScript library", () => {
  it("gets a refused submit as a job.error in the submit's trace, and keeps its other jobs", async () => {
    const { runtime } = createRuntime({ clientOf: ({ name }) => (name === "shop" ? "typescript" : undefined) });
    const client = new RawClient(runtime);
    await client.hello({ name: "shop" });
    const trace_id = "0123456789abcdef0123456789abcdef";
    await client.submit({ agent: "wait", idempotency_key: "k" });
    const refused = await client.submit({ agent: "echo", idempotency_key: "k" }, { trace_id });
    expect(refused).toMatchObject({ type: "job.error", trace_id, payload: { code: "DUPLICATE_KEY" } });
    expect(refused.job_id).not.toBe(client.of("job.accepted")[0]?.job_id);
    expect(client.of("session.error")).toEqual([]);
  });
});

describe("a client of the Java library", () => {
  it("gets refusals as a job.error of no job, under the id of what it sent", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello({ name: "arcp-client-java" });
    const id = client.send("job.submit", { agent: "nobody" });
    const refused = await client.nextOf("job.error");
    expect(refused).toMatchObject({ id, payload: { code: "AGENT_NOT_AVAILABLE", final_status: "error" } });
    expect(refused.job_id).toBeUndefined();
    expect(refused.event_seq).toBeUndefined();
  });

  it("gets the refusal of its hello", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const refused = await client.hello({ name: "arcp-client-java", token: "wrong" });
    expect(refused).toMatchObject({ type: "job.error", payload: { code: "UNAUTHENTICATED" } });
  });

  it("resumes by the token that its hello carries", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    const welcome = await client.hello({ name: "arcp-client-java" });
    await client.submit({ agent: "echo" });
    const { event_seq } = await client.nextOf("job.event");
    await client.drop();
    const second = new RawClient(runtime);
    const more = { resume_token: welcome.payload["resume_token"], last_event_seq: event_seq };
    expect((await second.hello({ name: "arcp-client-java", more })).session_id).toBe(welcome.session_id);
    await second.nextOf("job.result");
    expect(second.frames.map((frame) => frame.event_seq).filter((seq) => seq !== undefined)[0]).toBe(
      Number(event_seq) + 1,
    );
  });
});
