import { describe, expect, it } from "vitest";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

describe("whom a frame concerns", () => {
  it("a delegated child's acceptance never answers a submit", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const parent = session.submit({ agent: "parent" });
    await runtime.until("job.submit");
    runtime.accept("job_parent");
    const pending = session.submit({ agent: "code-refactor@1.0.0" });
    await runtime.until("job.submit", 2);
    runtime.accept("job_child", { agent: "child", parent_job_id: "job_parent", delegate_id: "del_1" });
    runtime.accept("job_refactor", { agent: "code-refactor@1.0.0" });
    runtime.succeed("job_child", "child-done");
    runtime.succeed("job_refactor", "v1");
    const job = await pending;
    expect([job.agent, await job.result()]).toEqual(["code-refactor@1.0.0", "v1"]);
    const [child] = (await parent).children;
    expect([child?.id, child?.agent, await child?.result()]).toEqual(["job_child", "child", "child-done"]);
  });

  it("a session.error refuses the oldest request and touches no job", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const running = session.submit({ agent: "slow" });
    await runtime.until("job.submit");
    runtime.accept("job_1");
    const job = await running;
    const subscribing = session.subscribe("job_other");
    const submitting = session.submit({ agent: "echo" });
    await runtime.until("job.submit", 2);
    runtime.send({ type: "session.error", payload: { code: "PERMISSION_DENIED", message: "no", retryable: false } });
    runtime.accept("job_2");
    runtime.succeed("job_1", 1);
    runtime.succeed("job_2", 2);
    expect(await refusal(subscribing)).toBe("PERMISSION_DENIED");
    expect([await job.result(), await (await submitting).result()]).toEqual([1, 2]);
  });

  it("a session.error that answers nothing is a warning", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.send({ type: "session.error", payload: { code: "X_ODD", message: "odd", retryable: false } });
    await turn();
    expect([runtime.warnings, session.state]).toEqual([["X_ODD"], "live"]);
  });

  it("answers that name their request need no order", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const jobs = [session.submit({ agent: "a" }), session.submit({ agent: "b" })];
    const second = await runtime.until("job.submit", 2);
    const [first] = runtime.framesOf("job.submit");
    runtime.accept("job_b", { agent: "b", request_id: second.id });
    runtime.send({
      type: "session.error",
      payload: { code: "AGENT_NOT_AVAILABLE", message: "no", retryable: false, request_id: first?.id },
    });
    expect(await refusal(jobs[0] ?? Promise.resolve())).toBe("AGENT_NOT_AVAILABLE");
    expect((await jobs[1])?.agent).toBe("b");
  });

  it("an answer out of order is found by its trace", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const jobs = [session.submit({ agent: "a" }), session.submit({ agent: "b", traceparent })];
    await runtime.until("job.submit", 2);
    runtime.accept("job_b", { agent: "b" }, { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
    runtime.accept("job_a", { agent: "a" });
    expect([(await jobs[0])?.id, (await jobs[1])?.id]).toEqual(["job_a", "job_b"]);
  });

  it("DUPLICATE_KEY rejects the new submit although it names the healthy job", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const first = session.submit({ agent: "slow", idempotencyKey: "k" });
    await runtime.until("job.submit");
    runtime.accept("job_1");
    const second = session.submit({ agent: "slow", input: 2, idempotencyKey: "k" });
    await runtime.until("job.submit", 2);
    runtime.numbered("job.error", "job_1", { final_status: "error", code: "DUPLICATE_KEY", message: "conflict" });
    runtime.succeed("job_1", "whole");
    expect(await refusal(second)).toBe("DUPLICATE_KEY");
    expect(await (await first).result()).toBe("whole");
  });

  it("a job may end with a submit's code while a submit is pending", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const first = session.submit({ agent: "slow", traceparent });
    await runtime.until("job.submit");
    runtime.accept("job_1", { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
    const second = session.submit({ agent: "slow" });
    await runtime.until("job.submit", 2);
    const failure = { final_status: "error", code: "AGENT_NOT_AVAILABLE", message: "delegate is gone" };
    runtime.numbered("job.error", "job_1", failure, { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
    runtime.accept("job_2");
    expect(await refusal((await first).result())).toBe("AGENT_NOT_AVAILABLE");
    expect((await second).id).toBe("job_2");
  });

  it("an unknown job's INVALID_REQUEST refuses the oldest submit", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "echo" });
    await runtime.until("job.submit");
    runtime.numbered("job.error", "job_new", { final_status: "error", code: "INVALID_REQUEST", message: "bad" });
    expect(await refusal(submitting)).toBe("INVALID_REQUEST");
  });

  it("PERMISSION_DENIED without a trace refuses the pending cancel and leaves the job", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "slow" });
    await runtime.until("job.submit");
    runtime.accept("job_1", { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
    const job = await submitting;
    const cancelling = job.cancel();
    await runtime.until("job.cancel");
    runtime.numbered("job.error", "job_1", { final_status: "error", code: "PERMISSION_DENIED", message: "no" });
    expect(await refusal(cancelling)).toBe("PERMISSION_DENIED");
    runtime.succeed("job_1");
    expect(await job.result()).toBe("done");
  });

  it("each request ends by its timeout, its signal or the session's end", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ requestTimeoutMs: 500 });
    const list = async (): Promise<void> => void (await session.listJobs().next());
    const late = [session.submit({ agent: "echo" }), session.subscribe("job_x"), list()].map((work) => refusal(work));
    expect(await runtime.clock.drive(Promise.all(late))).toEqual(["TimeoutError", "TimeoutError", "TimeoutError"]);

    const aborter = new AbortController();
    const aborted = refusal(session.subscribe("job_x", { signal: aborter.signal }));
    aborter.abort();
    expect(await aborted).toBe("AbortedError");

    const ended = [session.submit({ agent: "echo" }), session.subscribe("job_y"), list()].map((work) => refusal(work));
    session.detach();
    expect(await Promise.all(ended)).toEqual(["SessionEndedError", "SessionEndedError", "SessionEndedError"]);
  });

  it("an abort before acceptance cancels the job that is accepted all the same", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const aborter = new AbortController();
    const submitting = refusal(session.submit({ agent: "slow", signal: aborter.signal }));
    await runtime.until("job.submit");
    aborter.abort();
    expect(await submitting).toBe("AbortedError");
    runtime.accept("job_1");
    const cancel = await runtime.until("job.cancel");
    expect(cancel["job_id"]).toBe("job_1");
    // Its events are nobody's, and no warning either.
    runtime.log("job_1", "late");
    await turn();
    expect(runtime.warnings).toEqual([]);
  });

  it("an abort after acceptance cancels the job; await using cancels it too", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const aborter = new AbortController();
    const submitting = session.submit({ agent: "slow", signal: aborter.signal });
    await runtime.until("job.submit");
    runtime.accept("job_1");
    await submitting;
    aborter.abort();
    expect((await runtime.until("job.cancel"))["job_id"]).toBe("job_1");

    runtime.onFrame = (frame) => {
      if (frame.type !== "job.cancel") return;
      runtime.send({ type: "job.cancelled", job_id: frame["job_id"], payload: {} });
      const payload = { final_status: "cancelled", code: "CANCELLED", message: "by the client", retryable: false };
      runtime.numbered("job.error", String(frame["job_id"]), payload);
    };
    const block = (async () => {
      await using job = await session.submit({ agent: "slow" });
      return job;
    })();
    await runtime.until("job.submit", 2);
    runtime.accept("job_2");
    expect((await block).status).toBe("cancelled");
  });

  it("finished jobs are let go", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.onFrame = (frame) => {
      if (frame.type !== "job.submit") return;
      const jobId = `job_${runtime.framesOf("job.submit").length}`;
      runtime.accept(jobId);
      runtime.succeed(jobId);
    };
    for (let at = 0; at < 300; at++) await (await session.submit({ agent: "echo" })).result();
    expect(session.job("job_1")).toBeUndefined();
    expect(session.job("job_300")?.status).toBe("success");
  });

  it("a key whose job ended elsewhere settles with ResultUnavailableError", async () => {
    const runtime = new ScriptedRuntime();
    runtime.onFrame = (frame) => {
      if (frame.type === "job.submit") runtime.accept("job_old", {}, { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
      if (frame.type === "job.subscribe") {
        const payload = { final_status: "error", code: "JOB_NOT_FOUND", message: "gone", retryable: false };
        runtime.numbered("job.error", "job_old", payload);
      }
    };
    const session = await runtime.connect();
    const job = await session.submit({ agent: "echo", idempotencyKey: "k", onLost: "fail" });
    expect(await runtime.clock.drive(refusal(job.result()))).toBe("ResultUnavailableError");
  });

  it("a version that is not available refuses that submit alone", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const first = session.submit({ agent: "a@9" });
    const second = session.submit({ agent: "b" });
    await runtime.until("job.submit", 2);
    runtime.send({ type: "session.error", payload: { code: "AGENT_VERSION_NOT_AVAILABLE", message: "no" } });
    runtime.accept("job_b");
    expect([await refusal(first), (await second).id]).toEqual(["AGENT_VERSION_NOT_AVAILABLE", "job_b"]);
  });
});
