import { describe, expect, it } from "vitest";
import { createRuntime, RawClient, settle, untilAborted } from "./support.ts";

describe("submit", () => {
  it("resolves versions; a bare name means the default; refusals name the request", async () => {
    const { runtime } = createRuntime();
    runtime.agent("refactor@1.0.0", () => "v1").agent("refactor@2.0.0", () => "v2", { default: true });
    runtime.agent("refactor@3.0.0", () => "v3");
    const client = new RawClient(runtime);
    const welcome = await client.hello();
    expect(welcome.payload["capabilities"]).toMatchObject({
      agents: [
        { name: "echo", versions: [] },
        { name: "wait", versions: [] },
        { name: "refactor", versions: ["1.0.0", "2.0.0", "3.0.0"], default: "2.0.0" },
      ],
    });
    expect((await client.submit({ agent: "refactor" })).payload["agent"]).toBe("refactor@2.0.0");
    expect((await client.submit({ agent: "refactor@1.0.0" })).payload["agent"]).toBe("refactor@1.0.0");
    for (const [agent, code] of [
      ["refactor@9", "AGENT_VERSION_NOT_AVAILABLE"],
      ["nope", "AGENT_NOT_AVAILABLE"],
      ["Bad Name@@", "INVALID_REQUEST"],
    ] as const) {
      const answer = await client.submit({ agent });
      expect(answer).toMatchObject({ type: "session.error", payload: { code, retryable: false } });
      expect(answer.payload["request_id"]).toBeDefined();
    }
  });

  it("refuses a lease that cannot be: past or local expiry, unknown capability, bad amount, bad pattern", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    for (const request of [
      { lease_constraints: { expires_at: "2020-01-01T00:00:00Z" } },
      { lease_constraints: { expires_at: "2999-01-01T00:00:00+02:00" } },
      { lease_constraints: { expires_at: "2999-02-31T00:00:00Z" } },
      { lease_request: { "nope.cap": ["*"] } },
      { lease_request: { "cost.budget": ["USD"] } },
      { lease_request: { "cost.budget": ["USD:-1"] } },
      { lease_request: { "fs.read": ["/a/../b"] } },
      { lease_request: { "net.fetch": ["example.com"] } },
      { max_runtime_sec: 0 },
      { idempotency_key: "" },
    ]) {
      expect((await client.submit({ agent: "echo", ...request })).payload.code).toBe("INVALID_REQUEST");
    }
  });

  it("one job too many is the failure of that request only", async () => {
    const { runtime } = createRuntime({ maxJobsPerSession: 1 });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "wait" });
    const answer = await client.submit({ agent: "wait" });
    expect(answer).toMatchObject({ type: "session.error", payload: { code: "INTERNAL_ERROR", retryable: true } });
    await settle();
    expect(client.closed).toBeUndefined();
    expect(client.of("job.error")).toHaveLength(0);
  });
});

describe("idempotency (ARCP §7.2)", () => {
  it("the same key and parameters are the same job, from any session of the principal", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    const request = { agent: "wait", input: { b: 1, a: 2 }, idempotency_key: "k" };
    const first = await client.submit(request);
    const second = await client.submit({ ...request, input: { a: 2, b: 1 } });
    const elsewhere = new RawClient(runtime);
    await elsewhere.hello();
    const third = await elsewhere.submit(request);
    const strip = (payload: object): unknown => ({ ...payload, request_id: undefined });
    expect(strip(second.payload)).toEqual(strip(first.payload));
    expect(strip(third.payload)).toEqual(strip(first.payload));
    // The session that came later is a submitter as well: it gets what follows and may cancel.
    elsewhere.send("job.cancel", { reason: "enough" }, { job_id: first.job_id });
    expect((await elsewhere.nextOf("job.error")).payload.code).toBe("CANCELLED");
    expect((await client.nextOf("job.error")).payload.code).toBe("CANCELLED");
  });

  it("after the end the end comes again", async () => {
    const { runtime } = createRuntime();
    runtime.agent("chunks", async (context) => {
      await context.result.write("hello");
    });
    const client = new RawClient(runtime);
    await client.hello();
    const request = { agent: "chunks", idempotency_key: "k" };
    const { job_id } = await client.submit(request);
    await client.nextOf("job.result");
    await client.submit(request);
    const result = await client.nextOf("job.result");
    expect(result).toMatchObject({ job_id, event_seq: 7, payload: { final_status: "success", result_size: 5 } });
    expect(client.events("result_chunk").map(({ payload }) => payload.body?.["data"])).toEqual([
      "hello",
      "",
      "hello",
      "",
    ]);
  });

  it("other parameters are DUPLICATE_KEY for the new submit, with no word of the other job", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "wait", input: 1, idempotency_key: "k" });
    const answer = await client.submit({ agent: "wait", input: 2, idempotency_key: "k" });
    expect(answer).toMatchObject({ type: "session.error", payload: { code: "DUPLICATE_KEY" } });
    expect(answer.payload["job_id"]).toBeUndefined();
    const other = new RawClient(runtime);
    await other.hello({ token: "tok-bob" });
    expect((await other.submit({ agent: "wait", input: 2, idempotency_key: "k" })).type).toBe("job.accepted");
  });

  it("two submits at once make one job", async () => {
    const { runtime } = createRuntime();
    const clients = [new RawClient(runtime), new RawClient(runtime)];
    for (const client of clients) await client.hello();
    const answers = await Promise.all(
      clients.map((client) => client.submit({ agent: "wait", idempotency_key: "same" })),
    );
    expect(new Set(answers.map(({ job_id }) => job_id)).size).toBe(1);
    expect(runtime.counts.jobs).toBe(1);
  });

  it("a key lives as long as its job is kept", async () => {
    const { runtime, clock } = createRuntime({ jobRetentionMs: 60_000 });
    const client = new RawClient(runtime);
    await client.hello({ features: [] });
    const first = await client.submit({ agent: "echo", idempotency_key: "k" });
    await client.nextOf("job.result");
    await clock.advance(60_000);
    expect(runtime.counts.jobs).toBe(0);
    const second = await client.submit({ agent: "echo", idempotency_key: "k" });
    expect(second.job_id).not.toBe(first.job_id);
  });
});

describe("how jobs end (ARCP §7.3, §7.4)", () => {
  it("cancel is acknowledged, the agent's signal aborted, the job ended when the agent has wound up", async () => {
    const { runtime } = createRuntime();
    runtime.agent("tidy", async (context) => {
      await untilAborted(context.signal).catch(() => {});
      await context.log("info", "tidied up");
      return "too late";
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "tidy" });
    await settle();
    const id = client.send("job.cancel", { reason: "user clicked stop" }, { job_id });
    expect((await client.nextOf("job.cancelled")).payload).toEqual({
      job_id,
      request_id: id,
      reason: "user clicked stop",
    });
    const end = await client.nextOf("job.error");
    expect(end.payload).toEqual({
      final_status: "cancelled",
      completed_at: expect.any(String) as string,
      code: "CANCELLED",
      message: "user clicked stop",
      retryable: false,
    });
    expect(client.events("log")).toHaveLength(1);
    client.send("job.cancel", {}, { job_id });
    expect((await client.nextOf("session.error")).payload.code).toBe("INVALID_REQUEST");
  });

  it("an agent that ignores a cancel is given its grace and no more", async () => {
    const { runtime, clock } = createRuntime({ cancelGraceMs: 5_000 });
    runtime.agent("stubborn", () => new Promise(() => {}));
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "stubborn" });
    client.send("job.cancel", {}, { job_id });
    await clock.advance(4_999);
    expect(client.of("job.error")).toHaveLength(0);
    await clock.advance(1);
    expect(client.of("job.error")).toHaveLength(1);
  });

  it("max_runtime_sec ends a job as timed_out, retryable", async () => {
    const { runtime, clock } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "wait", max_runtime_sec: 1 });
    await clock.advance(1_000);
    expect((await client.nextOf("job.error")).payload).toMatchObject({
      final_status: "timed_out",
      code: "TIMEOUT",
      retryable: true,
    });
  });

  it("a runtime of months is not cut short by the longest timer of the host", async () => {
    const { runtime, clock } = createRuntime({ idleTimeoutMs: 10_000_000_000 });
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (callback, delayMs) => setTimer(callback, Math.min(delayMs, 2_147_483_647));
    const client = new RawClient(runtime);
    await client.hello({ features: [] });
    await client.submit({ agent: "wait", max_runtime_sec: 5_000_000 });
    await clock.advance(2_147_483_647);
    expect(client.of("job.error")).toHaveLength(0);
    await clock.advance(5_000_000_000 - 2_147_483_647);
    expect(client.of("job.error")).toHaveLength(1);
  });

  it("what an agent throws is INTERNAL_ERROR; a failure in ARCP's words keeps its code", async () => {
    const { runtime } = createRuntime();
    const { arcpFailure } = await import("../../src/runtime/index.ts");
    runtime
      .agent("boom", () => {
        throw new Error("kaput");
      })
      .agent("vendor", () => Promise.reject(arcpFailure("ACME_NO_DATA", "nothing there")))
      .agent("cyclic", () => {
        const loop: unknown[] = [];
        loop.push(loop);
        return loop;
      });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "boom" });
    expect((await client.nextOf("job.error")).payload).toMatchObject({
      code: "INTERNAL_ERROR",
      message: "kaput",
      retryable: true,
    });
    await client.submit({ agent: "vendor" });
    expect((await client.nextOf("job.error")).payload).toMatchObject({ code: "ACME_NO_DATA", retryable: false });
    await client.submit({ agent: "cyclic" });
    expect((await client.nextOf("job.error")).payload.code).toBe("INTERNAL_ERROR");
  });

  it("ends whatever an agent throws, and whatever the mapper of upstream errors makes of it", async () => {
    const { runtime } = createRuntime({
      upstreamError: () => {
        throw new Error("mapper down");
      },
    });
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
      },
    );
    const thrown: unknown[] = [undefined, null, "text", 1n, Object.create(null), hostile];
    for (const [at, value] of thrown.entries()) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- agents throw anything.
      runtime.agent(`throws-${at}`, () => Promise.reject(value));
    }
    const client = new RawClient(runtime);
    await client.hello();
    for (const at of thrown.keys()) {
      await client.submit({ agent: `throws-${at}` });
      expect((await client.nextOf("job.error")).payload.code).toBe("INTERNAL_ERROR");
    }
  });

  it("what is sent after the end is dropped", async () => {
    const { runtime } = createRuntime();
    let late = async (): Promise<void> => {};
    runtime.agent("leaky", (context) => {
      late = () => context.log("info", "late");
      return "done";
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "leaky" });
    await client.nextOf("job.result");
    await late();
    await settle();
    expect(client.events("log")).toHaveLength(0);
  });

  it("close says goodbye, stops every job, and leaves no timer behind", async () => {
    const { runtime, clock } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "wait", lease_constraints: { expires_at: "2999-01-01T00:00:00Z" } });
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    runtime.close();
    await settle();
    expect(client.of("job.error")).toHaveLength(1);
    expect(client.of("session.bye")).toHaveLength(1);
    expect(client.closed).toBeDefined();
    expect(clock.timers).toBe(0);
    const late = new RawClient(runtime);
    await settle();
    expect(late.closed).toBeDefined();
  });
});

describe("events (ARCP §8.2)", () => {
  it("there is a method for each kind", async () => {
    const { runtime } = createRuntime({ tools: { "search.web": () => ({ hits: 3 }) } });
    runtime.agent("kinds", async (context) => {
      await context.log("info", "starting", { step: 1 });
      await context.thought("thinking");
      await context.callTool("search.web", { q: "arcp" });
      await context.metric({ name: "rows", value: 12_408, unit: "rows", dimensions: { table: "sales" } });
      await context.artifact({ uri: "arcp://report.html", content_type: "text/html", byte_size: 5 });
      await context.progress({ current: 47, total: 120, units: "files" });
      await context.vendor("x-vendor.acme.note", { anything: true });
      await context.status("completing");
      await (await context.delegate({ agent: "echo" })).result();
      await context.result.write("chunk");
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({
      agent: "kinds",
      lease_request: { "tool.call": ["search.*"], "agent.delegate": ["*"] },
    });
    await client.next((frame) => frame.type === "job.result" && frame.job_id === job_id);
    const own = client.events().filter((frame) => frame.job_id === job_id);
    expect(own.map(({ payload }) => payload.kind)).toEqual([
      "status",
      "log",
      "thought",
      "tool_call",
      "tool_result",
      "metric",
      "artifact_ref",
      "progress",
      "x-vendor.acme.note",
      "status",
      "delegate",
      "result_chunk",
      "result_chunk",
    ]);
    const call = own[3]?.payload.body;
    expect(own[4]?.payload.body).toEqual({ call_id: call?.["call_id"], result: { hits: 3 } });
  });

  it("a client without the feature gets no progress, and no chunks it could not put together", async () => {
    const { runtime } = createRuntime();
    runtime.agent("modern", async (context) => {
      await context.progress({ current: 1 });
      await context.result.write("chunk");
    });
    const client = new RawClient(runtime);
    await client.hello({ features: [] });
    await client.submit({ agent: "modern" });
    expect((await client.nextOf("job.error")).payload.code).toBe("INVALID_REQUEST");
    expect(client.events("progress")).toHaveLength(0);
    expect(client.of("job.error")[0]?.event_seq).toBe(2);
  });

  it("ARCP §8.2.1: refuses progress that is none", async () => {
    const { runtime } = createRuntime();
    runtime.agent("wrong", async (context) => {
      const refused = [];
      for (const progress of [{ current: -1 }, { current: 2, total: 1 }, { current: Number.NaN }]) {
        refused.push(await context.progress(progress).catch((error: { errorCode: string }) => error.errorCode));
      }
      return refused;
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "wrong" });
    const result = await client.nextOf("job.result");
    expect(result.payload["result"]).toEqual(["INVALID_REQUEST", "INVALID_REQUEST", "INVALID_REQUEST"]);
  });
});
