import { describe, expect, it } from "vitest";
import { type ArcpJob, type ArcpSession, connect, createMemoryPair } from "../../src/index.ts";
import { type DialectName, createArcpRuntime } from "../../src/runtime/index.ts";
import { collect } from "../support/collect.ts";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";

async function submitted(runtime: ScriptedRuntime, session: ArcpSession, accepted: object = {}): Promise<ArcpJob> {
  const submitting = session.submit({ agent: "echo" });
  await runtime.until("job.submit");
  runtime.accept("job_1", accepted);
  return submitting;
}

describe("a tolerant reader", () => {
  it("unknown members, kinds, codes and nulls lose nothing", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session, {
      agent: null,
      budget: { USD: "USD:5.00" },
      credentials: null,
      parent_job_id: null,
      delegate_id: null,
      trace_id: null,
    });
    const events = collect(job);
    runtime.event("job_1", "telepathy", { strength: 3 }, { mystery: { deep: true }, trace_id: null });
    runtime.event("job_1", "x-vendor.acme.note", { any: 1 }, { trace_id: "00-4bf9-traceparent-01" });
    runtime.event("job_1", "progress", { current: "many" });
    runtime.event("job_1", "log", null);
    runtime.event("job_1", "tool_call", { tool_call_id: "c1", name: "search", arguments: { q: 1 } });
    runtime.event("job_1", "tool_result", { tool_call_id: "c1", output: null, error: { code: "ODD", message: "" } });
    runtime.event("job_1", "metric", { name: "rows", value: 2, attributes: { a: 1 } });
    runtime.event("job_1", "artifact_ref", { uri: "a", media_type: "text/plain", size_bytes: 3 });
    runtime.event("job_1", "log", { level: "info", message: "hi", fields: { b: 2 } });
    runtime.numbered("job.error", "job_1", {
      final_status: "error",
      code: "X_VENDOR_ODD",
      message: "",
      retryable: null,
    });
    const seen = await events;
    expect(seen.map(({ kind }) => kind)).toEqual([
      "unknown",
      "x-vendor.acme.note",
      "unknown",
      "unknown",
      "tool_call",
      "tool_result",
      "metric",
      "artifact_ref",
      "log",
    ]);
    expect(seen[0]?.raw["kind"]).toBe("telepathy");
    expect(seen[4]?.body).toMatchObject({ call_id: "c1", tool: "search", args: { q: 1 } });
    expect(seen[6]?.body).toMatchObject({ dimensions: { a: 1 } });
    expect(seen[7]?.body).toMatchObject({ content_type: "text/plain", byte_size: 3 });
    expect(seen[8]?.body).toMatchObject({ attributes: { b: 2 } });
    expect(job.budget.remaining("USD")).toBe("5");
    expect(await refusal(job.result())).toBe("X_VENDOR_ODD");
  });

  it("whole numbers of any size arrive exactly, in results, metrics and budgets", async () => {
    const runtime = createArcpRuntime({ authenticate: () => "alice" });
    runtime.agent("counter", async (context) => {
      await context.metric({ name: "cost.tokens", value: "9007199254740993", unit: "TOK" });
      await context.metric({ name: "rows", value: 9_007_199_254_740_995n });
      return context.input;
    });
    const session = await connect(
      () => {
        const [near, far] = createMemoryPair();
        runtime.accept(far);
        return near;
      },
      { token: "secret-token" },
    );
    const job = await session.submit({
      agent: "counter",
      input: { units: 9_007_199_254_740_997n },
      lease: { "cost.budget": ["TOK:18014398509481989"] },
    });
    const metrics = (await collect(job)).filter((event) => event.kind === "metric");
    expect(metrics.map(({ body }) => [body.name, body.value])).toEqual([
      ["cost.tokens", 9_007_199_254_740_993n],
      ["cost.budget.remaining", 9_007_199_254_740_996n],
      ["rows", 9_007_199_254_740_995n],
    ]);
    expect([job.budget.initial("TOK"), job.budget.remaining("TOK"), job.costs["TOK"]]).toEqual([
      "18014398509481989",
      "9007199254740996",
      "9007199254740993",
    ]);
    expect(await job.result()).toEqual({ units: 9_007_199_254_740_997n });
    await session.close();
    runtime.close();
  });

  it("what cannot be read is a warning, never silence and never an end", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    for (const text of ["", "no json", "[]", "null", '{"payload":{}}', '{"type":7}']) runtime.sendText(text);
    runtime.send({ type: "session.mystery", payload: {} });
    runtime.send({ type: "job.event", payload: "text" });
    await turn();
    expect(runtime.warnings).toEqual([
      ...Array.from({ length: 6 }, () => "UNREADABLE_FRAME"),
      "UNKNOWN_TYPE",
      "NO_JOB",
    ]);
    expect(session.state).toBe("live");
  });

  it.each([
    ["job.result with output (GO)", "job.result", { final_status: "success", output: { a: 1 } }, { a: 1 }],
    ["a null result", "job.result", { final_status: "success", result: null }, null],
    ["job.result timed_out (PY)", "job.result", { final_status: "timed_out" }, "TIMEOUT"],
    ["job.result cancelled (PY)", "job.result", { final_status: "cancelled" }, "CANCELLED"],
    [
      "INTERNAL_ERROR not retryable",
      "job.error",
      { final_status: "error", code: "INTERNAL_ERROR", message: "", retryable: false },
      "INTERNAL_ERROR",
    ],
  ])("%s", async (_, type, payload, expected) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    runtime.numbered(type, "job_1", payload);
    const outcome = await job.outcome();
    expect(outcome.status === "success" ? outcome.value : outcome.error.errorCode).toEqual(expected);
  });

  it("what a runtime uses without having negotiated it is taken, and warned of once", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ features: ["ack"] });
    const job = await submitted(runtime, session, { credentials: [] });
    for (const current of [1, 2]) runtime.event("job_1", "progress", { current });
    runtime.event("job_1", "result_chunk", { result_id: "r", chunk_seq: 0, data: "a", encoding: "utf8", more: false });
    runtime.numbered("job.result", "job_1", { final_status: "success", result_id: "r" });
    expect(await job.text()).toBe("a");
    expect(runtime.warnings).toEqual(["UNNEGOTIATED_FEATURE", "UNNEGOTIATED_FEATURE", "UNNEGOTIATED_FEATURE"]);
  });

  it("LEASE_EXPIRED and BUDGET_EXHAUSTED are never retryable, whatever is written", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const payload = { final_status: "error", code: "BUDGET_EXHAUSTED", message: "", retryable: true };
    runtime.numbered("job.error", "job_1", payload);
    const outcome = await job.outcome();
    expect(outcome.status === "error" && outcome.error.retryable).toBe(false);
    expect(runtime.framesOf("job.submit").length).toBe(1);
  });

  it("both shapes of an inventory; duty 14: an unpinned agent without a default is warned of", async () => {
    const runtime = new ScriptedRuntime();
    const features = ["agent_versions"];
    const agents = [
      "plain",
      { name: "both", versions: ["1", "2"], default: "2" },
      { name: "none", versions: ["1"] },
      7,
    ];
    runtime.welcome = { capabilities: { features, agents } };
    const session = await runtime.connect({ requestTimeoutMs: 10 });
    expect(session.agents.map(({ name }) => name)).toEqual(["plain", "both", "none"]);
    expect([session.resolveAgent("both"), session.resolveAgent("none")]).toEqual(["both@2", undefined]);
    for (const agent of ["plain", "both", "none", "none@1"]) void session.submit({ agent }).catch(() => {});
    expect(runtime.warnings).toEqual(["UNPINNED_AGENT"]);
  });

  it("the writer's ids are prefixed ULIDs, nothing but an absent input is null, reasons are always given", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    void job.cancel().catch(() => {});
    const list = session.listJobs().next();
    list.catch(() => {});
    await turn();
    await Promise.race([session.close(), runtime.until("session.close")]);
    const frames = runtime.received.flat();
    for (const frame of frames) {
      expect(frame.id).toMatch(/^msg_[0-9A-HJKMNP-TV-Z]{26}$/);
      const { input, ...rest } = frame.payload;
      if (frame.type === "job.submit") expect(input).toBeNull();
      expect(JSON.stringify({ ...frame, payload: rest })).not.toContain("null");
    }
    for (const type of ["job.cancel", "session.close"]) {
      expect(frames.find((frame) => frame.type === type)?.payload.reason).toMatch(/./);
    }
    session.detach();
  });
});

describe.each<DialectName>(["spec", "ts", "py", "go"])("a runtime that speaks %s", (dialect) => {
  it("submits, streams, lists, subscribes, cancels and closes", async () => {
    const runtime = createArcpRuntime({
      authenticate: (token) => token,
      dialect,
      mayObserve: () => true,
      tools: { search: () => 3 },
    });
    runtime.agent("worker@1.0.0", async (context) => {
      await context.log("info", "at work");
      await context.callTool("search", { q: 1 });
      await context.metric({ name: "cost.search", value: "0.1", unit: "USD" });
      await context.progress({ current: 1, total: 2 });
      return context.input;
    });
    runtime.agent("chunks", async (context) => {
      await context.result.write("héllo");
    });
    runtime.agent(
      "slow",
      (context) =>
        new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(new Error("stop")))),
    );
    const dial = () => {
      const [client, far] = createMemoryPair();
      runtime.accept(far);
      return client;
    };
    const alice = await connect(dial, { token: "alice" });
    const job = await alice.submit({
      agent: "worker@1.0.0",
      input: { a: 1 },
      lease: { "cost.budget": ["USD:1.00"], "tool.call": ["search"] },
    });
    const kinds = (await collect(job)).map(({ kind }) => kind).filter((kind) => kind !== "status");
    expect(kinds.filter((kind) => kind !== "metric")).toEqual(["log", "tool_call", "tool_result", "progress"]);
    expect([await job.result(), job.costs, job.budget.remaining("USD")]).toEqual([{ a: 1 }, { USD: "0.1" }, "0.9"]);
    expect(await (await alice.submit({ agent: "chunks" })).text()).toBe("héllo");

    const slow = await alice.submit({ agent: "slow" });
    const bob = await connect(dial, { token: "bob" });
    const watching = await bob.subscribe(slow.id, { history: true });
    const listed: string[] = [];
    for await (const entry of alice.listJobs({ status: ["running"] })) listed.push(entry.jobId);
    expect(listed).toEqual([slow.id]);
    await slow.cancel("enough");
    expect((await slow.outcome()).status).toBe("cancelled");
    expect((await watching.outcome()).status).toBe("cancelled");
    expect(await refusal(alice.submit({ agent: "nobody" }))).toBe("AGENT_NOT_AVAILABLE");
    await Promise.all([alice.close(), bob.close()]);
    expect(alice.state).toBe("closed");
    runtime.close();
  });
});
