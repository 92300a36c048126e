import { ArcpError, JobLostError, SessionEndedError } from "../../src/index.ts";
import { ImprestError, ProtocolError } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";

describe("handles of one job", () => {
  it("a repeated acceptance is the same job and resets nothing", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const request = { agent: "spender", lease: { "cost.budget": ["USD:1.00"] }, idempotencyKey: "k" };
    const accepted = { budget: { USD: 1 }, lease: { "cost.budget": ["USD:1.00"] } };
    const first = session.submit(request);
    await runtime.until("job.submit");
    runtime.accept("job_1", accepted);
    runtime.event("job_1", "metric", { name: "cost.x", value: 0.4, unit: "USD" });
    const second = session.submit(request);
    await runtime.until("job.submit", 2);
    runtime.accept("job_1", accepted);
    expect((await second).budget.remaining("USD")).toBe("0.6");
    runtime.succeed("job_1", 7);
    expect([await (await first).result(), await (await second).result()]).toEqual([7, 7]);
  });

  it("a job that runs anew has the new run's lease and credentials, and its old stream fails", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const credential = { id: "cred_1", scheme: "bearer", value: "old", endpoint: "https://example.com" };
    const submitting = session.submit({ agent: "llm", idempotencyKey: "k" });
    await runtime.until("job.submit");
    runtime.accept("job_1", { credentials: [credential] });
    const job = await submitting;
    const stream = refusal(job.stream().text());
    runtime.onHello = ({ payload }) => {
      if (payload.resume !== undefined)
        return { type: "session.error", payload: { code: "RESUME_WINDOW_EXPIRED", message: "" } };
      runtime.sessionId = "sess_2";
      return undefined;
    };
    runtime.onFrame = (frame) => {
      if (frame.type === "job.subscribe")
        runtime.send({ type: "session.error", payload: { code: "JOB_NOT_FOUND", message: "" } });
      if (frame.type === "job.submit") runtime.accept("job_2", { credentials: [{ ...credential, value: "new" }] });
    };
    runtime.drop();
    expect(await runtime.clock.drive(stream)).toBe("INTERNAL_ERROR");
    await turn();
    expect([job.id, job.credentials.get("cred_1")?.value.reveal()]).toEqual(["job_2", "new"]);
    runtime.nextSeq = 1;
    runtime.succeed("job_2", "anew");
    expect(await job.result()).toBe("anew");
  });

  it("a view of one's own job ends alone", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "slow" });
    await runtime.until("job.submit");
    runtime.accept("job_1");
    const job = await submitting;
    const view = await session.subscribe("job_1");
    const watched = view.events().next();
    view.unsubscribe();
    expect((await watched).done).toBe(true);
    expect("cancel" in view).toBe(false);
    expect(runtime.framesOf("job.unsubscribe")).toEqual([]);
    runtime.succeed("job_1", "whole");
    expect(await job.result()).toBe("whole");
  });

  /** Answers a subscription to job_9. */
  const subscribed = (runtime: ScriptedRuntime): void =>
    runtime.send({
      type: "job.subscribed",
      job_id: "job_9",
      payload: { job_id: "job_9", current_status: "running", agent: "slow", lease: {}, subscribed_from: 0 },
    });

  it("of two views of one job each ends alone, and the last one ends the subscription", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const subscribing = session.subscribe("job_9");
    await runtime.until("job.subscribe");
    subscribed(runtime);
    const first = await subscribing;
    const second = await session.subscribe("job_9");
    const watched = second.events();
    first.unsubscribe();
    first.unsubscribe();
    runtime.log("job_9", "still here");
    expect((await watched.next()).value?.kind).toBe("log");
    expect(runtime.framesOf("job.unsubscribe")).toEqual([]);
    second.unsubscribe();
    await turn();
    expect(runtime.framesOf("job.unsubscribe").map(({ payload }) => payload)).toEqual([{ job_id: "job_9" }]);
    expect((await watched.next()).done).toBe(true);
  });

  it("a subscription that is granted after its caller has gone is ended at the runtime", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const given = new AbortController();
    const gone = refusal(session.subscribe("job_9", { signal: given.signal }));
    await runtime.until("job.subscribe");
    given.abort();
    expect(await gone).toBe("AbortedError");
    subscribed(runtime);
    runtime.log("job_9", "for nobody");
    await turn();
    expect(runtime.framesOf("job.unsubscribe").map(({ payload }) => payload)).toEqual([{ job_id: "job_9" }]);
    expect([session.job("job_9"), runtime.warnings]).toEqual([undefined, []]);
  });

  it("what is asked for while the session closes is refused and not sent", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const waiting = refusal(session.submit({ agent: "slow" }));
    await runtime.until("job.submit");
    const closing = session.close("done");
    const late = refusal(session.submit({ agent: "late" }));
    expect(await runtime.clock.drive(Promise.all([waiting, late]))).toEqual(["SessionEndedError", "SessionEndedError"]);
    await runtime.clock.drive(closing);
    const verbs = runtime.received[0]?.map(({ type }) => type);
    expect(verbs).toEqual(["session.hello", "job.submit", "session.close", "session.bye"]);
  });

  it("an expired lease is not renewed, resubmitted or retried", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "slow", idempotencyKey: "k", onLost: "resubmit" });
    await runtime.until("job.submit");
    runtime.accept("job_1", { lease_constraints: { expires_at: "2026-11-20T10:31:00Z" } });
    const job = await submitting;
    expect(job.expiresAt).toBe("2026-11-20T10:31:00Z");
    runtime.numbered("job.error", "job_1", { final_status: "error", code: "LEASE_EXPIRED", message: "over" });
    expect(await refusal(job.result())).toBe("LEASE_EXPIRED");
    await runtime.clock.advance(120_000);
    expect(runtime.framesOf("job.submit").length).toBe(1);
  });
});

describe("errors", () => {
  it("an open code, whether it may be tried again, where it arose, and what caused it", () => {
    const cause = new Error("close 1006");
    const failure = { code: "X_NEW", message: "odd", retryable: true, request_id: "msg_1", details: { a: 1 } };
    const error = new ArcpError(failure, { phase: "submit", jobId: "job_1" }, { cause });
    expect(error).toMatchObject({
      errorCode: "X_NEW",
      retryable: true,
      requestId: "msg_1",
      phase: "submit",
      jobId: "job_1",
      cause,
    });
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name: "ArcpError", errorCode: "X_NEW", jobId: "job_1" });
    expect([ProtocolError.isInstance(error), ImprestError.isInstance(new SessionEndedError("x"))]).toEqual([
      true,
      true,
    ]);
    expect(new JobLostError("x", "job_1", "k").toJSON()).toMatchObject({ jobId: "job_1", idempotencyKey: "k" });
  });

  it.each([
    ["INTERNAL_ERROR", undefined, true],
    ["INTERNAL_ERROR", false, false],
    ["TIMEOUT", undefined, true],
    ["LEASE_EXPIRED", true, false],
    ["BUDGET_EXHAUSTED", true, false],
    ["PERMISSION_DENIED", undefined, false],
    ["X_UNKNOWN", undefined, false],
  ])("%s with retryable %s", (code, retryable, expected) => {
    expect(new ArcpError({ code, message: "", retryable }, { phase: "job" }).retryable).toBe(expected);
  });
});
