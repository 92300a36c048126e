import { ValidationError } from "@imprest/core";
import { Secret } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { buildLease, connect, isConfidentialUrl } from "../../src/index.ts";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";
import { collect } from "../support/collect.ts";

describe("connect", () => {
  it.each(["ws://example.com/arcp", "ws://localhost.evil.org/arcp", "ws://10.0.0.1/arcp", "http://localhost/arcp"])(
    "%s is refused before anything is sent",
    async (url) => {
      expect(await refusal(connect(url, { token: "t" }))).toBe("ConfigurationError");
    },
  );

  it("TLS and loopback are confidential", () => {
    const confidential = [
      "wss://example.com",
      "ws://localhost:1",
      "ws://127.0.0.53",
      "ws://[::1]:9",
      "ws://a.localhost",
    ];
    expect(confidential.filter((url) => !isConfidentialUrl(new URL(url)))).toEqual([]);
  });

  it("a transport that others can read gets no token unless that is allowed", async () => {
    const runtime = new ScriptedRuntime();
    const open = () => ({ ...runtime.dial(), confidential: false });
    expect(await refusal(connect(open, { token: "t", clock: runtime.clock }))).toBe("ConfigurationError");
    expect(runtime.received.flat()).toEqual([]);
    const session = await connect(open, { token: new Secret("t"), clock: runtime.clock, allowInsecure: true });
    expect(runtime.framesOf("session.hello")[0]?.payload.auth).toEqual({ scheme: "bearer", token: "t" });
    session.detach();
  });

  it("a wrong token is UNAUTHENTICATED in one round trip, though no session is named", async () => {
    const runtime = new ScriptedRuntime();
    runtime.onHello = () => ({
      type: "session.error",
      session_id: undefined,
      payload: { code: "UNAUTHENTICATED", message: "no" },
    });
    expect(await refusal(runtime.connect())).toBe("UNAUTHENTICATED");
    expect(runtime.clock.monotonic()).toBe(0);
  });

  it("what fails to connect can be tried again, and every way to fail ends", async () => {
    const runtime = new ScriptedRuntime();
    runtime.onHello = () => ({ type: "session.ping", payload: {} });
    expect(await runtime.clock.drive(refusal(runtime.connect({ handshakeTimeoutMs: 100 })))).toBe("TimeoutError");
    const aborter = new AbortController();
    const aborted = refusal(runtime.connect({ signal: aborter.signal }));
    await turn();
    aborter.abort();
    expect(await aborted).toBe("AbortedError");
    const dropped = refusal(runtime.connect());
    await turn();
    runtime.drop();
    expect(await dropped).toBe("ConnectionError");
    expect(await refusal(runtime.connect({ token: "" }))).toBe("ConfigurationError");
    const never = connect(() => new Promise<never>(() => {}), {
      token: "t",
      clock: runtime.clock,
      handshakeTimeoutMs: 50,
    });
    expect(await runtime.clock.drive(refusal(never))).toBe("TimeoutError");
    runtime.onHello = undefined;
    expect((await runtime.connect()).state).toBe("live");
    // Nothing is left behind but the live session's own timers.
    expect(runtime.clock.timers).toBeLessThanOrEqual(2);
  });

  it("one transport is used once", async () => {
    const runtime = new ScriptedRuntime();
    const transport = runtime.dial();
    const session = await connect(transport, { token: "t", clock: runtime.clock });
    runtime.drop();
    await turn();
    expect(session.state).toBe("failed");
    expect(await refusal(connect(transport, { token: "t", clock: runtime.clock }))).toBe("ConnectionError");
  });

  it("closing twice says goodbye once, and both calls wait for it", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const closing = [session.close("first"), session.close("second"), session[Symbol.asyncDispose]()];
    await runtime.until("session.close");
    expect(session.state).toBe("closing");
    runtime.send({ type: "session.closed", payload: {} });
    await Promise.all(closing);
    expect(runtime.framesOf("session.close").map(({ payload }) => payload.reason)).toEqual(["first"]);
    expect(session.state).toBe("closed");
  });

  it("nothing is sent after a close; a runtime that closes in order gets no bye", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.onFrame = (frame) => {
      if (frame.type === "session.close") runtime.send({ type: "session.closed", payload: {} });
    };
    await session.close("done");
    await session.close();
    expect(runtime.received[0]?.map(({ type }) => type)).toEqual(["session.hello", "session.close"]);
    expect(await refusal(session.submit({ agent: "echo" }))).toBe("SessionEndedError");
  });
});

describe("a submit", () => {
  it.each<[string, object, string]>([
    ["an agent reference", { agent: "Not An Agent" }, "/agent"],
    ["an expiry with an offset", { expiresAt: "2999-01-01T00:00:00+02:00" }, "/lease_constraints/expires_at"],
    ["an expiry in the past", { expiresAt: new Date(0) }, "/lease_constraints/expires_at"],
    ["an invalid date", { expiresAt: new Date(Number.NaN) }, "/lease_constraints/expires_at"],
    ["an amount", { lease: { "cost.budget": ["USD"] } }, "/lease_request/cost.budget/0"],
    ["a capability", { lease: { "nope.cap": ["*"] } }, "/lease_request/nope.cap"],
    ["an empty key", { idempotencyKey: "" }, "/idempotency_key"],
    ["a fraction of a second", { maxRuntimeSec: 0.5 }, "/max_runtime_sec"],
  ])("%s is refused before it is sent", async (_, request, pointer) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const error = await session.submit({ agent: "echo", ...request }).catch((reason: unknown) => reason);
    expect(ValidationError.isInstance(error) && error.issues.map((issue) => issue.pointer)).toEqual([pointer]);
    expect(runtime.framesOf("job.submit")).toEqual([]);
  });

  it.each<[string, object]>([
    ["cost.budget", { lease: { "cost.budget": ["USD:1"] } }],
    ["model.use", { lease: { "model.use": ["*"] } }],
    ["lease_expires_at", { expiresAt: "2999-01-01T00:00:00Z" }],
    ["agent_versions", { agent: "echo@1" }],
  ])("what needs %s is refused where that was not negotiated", async (feature, request) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ features: ["ack"] });
    const error = await session.submit({ agent: "echo", ...request }).catch((reason: Error) => reason.message);
    expect(error).toContain(feature);
    expect(runtime.framesOf("job.submit")).toEqual([]);
  });

  it("32 hex digits on the wire, the whole context beside them, and a trace of its own otherwise", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ requestTimeoutMs: 10 });
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (const context of [{ traceparent }, {}, { traceparent: "nonsense" }]) {
      void session.submit({ agent: "echo", ...context }).catch(() => {});
    }
    await runtime.until("job.submit", 3);
    const frames = runtime.framesOf("job.submit");
    expect(frames[0]?.["trace_id"]).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
    expect(frames[0]?.["extensions"]).toEqual({ "x-vendor.opentelemetry.tracecontext": { traceparent } });
    expect(frames[1]?.["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(frames[1]).not.toHaveProperty("extensions");
    expect(frames[2]?.["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(frames)).not.toContain("secret-token");
  });

  it("a listing is read page by page, only as far as it is asked for", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    let page = 0;
    runtime.onFrame = (frame) => {
      if (frame.type !== "session.list_jobs") return;
      page++;
      const jobs = [1, 2].map((at) => ({
        job_id: `job_${page}${at}`,
        agent: "a",
        status: "running",
        submitted_at: "2026-01-01T00:00:00Z",
      }));
      runtime.send({
        type: "session.jobs",
        payload: { request_id: frame.id, jobs, next_cursor: page < 3 ? `c${page}` : null },
      });
    };
    const seen: string[] = [];
    for await (const job of session.listJobs({ limit: 3, createdAfter: new Date("2026-01-01T00:00:00Z") })) {
      seen.push(job.jobId);
      expect(job.createdAt).toBe("2026-01-01T00:00:00Z");
    }
    expect([seen, page]).toEqual([["job_11", "job_12", "job_21"], 2]);
    expect(runtime.framesOf("session.list_jobs")[1]?.payload).toEqual({
      filter: { created_after: "2026-01-01T00:00:00.000Z" },
      limit: 1,
      cursor: "c1",
    });
  });

  it("a listing of none asks nothing, and one that never ends is left", async () => {
    const runtime = new ScriptedRuntime();
    runtime.onFrame = ({ type, id }) => {
      const page = { request_id: id, jobs: [{ job_id: "job_1", agent: "a", status: "running" }], next_cursor: "again" };
      if (type === "session.list_jobs") runtime.send({ type: "session.jobs", payload: page });
    };
    const session = await runtime.connect();
    expect(await collect(session.listJobs({ limit: 0 }))).toEqual([]);
    expect(runtime.framesOf("session.list_jobs")).toEqual([]);
    expect((await collect(session.listJobs())).map(({ jobId }) => jobId)).toEqual(["job_1", "job_1"]);
  });

  it("listeners are many, and one that throws harms nobody", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const seen: string[] = [];
    const aborter = new AbortController();
    session.on("state", () => {
      throw new Error("careless");
    });
    session.on("state", async () => Promise.reject(new Error("careless")));
    const off = session.on("state", () => seen.push("off"));
    session.on("state", () => seen.push("aborted"), { signal: aborter.signal });
    session.on("state", ({ state }) => seen.push(state));
    off();
    aborter.abort();
    session.detach();
    expect(seen).toEqual(["closed"]);
  });

  it("a lease is built in words", () => {
    expect(buildLease({ tools: ["search.*"], budget: ["USD:1.00"] })).toEqual({
      "tool.call": ["search.*"],
      "cost.budget": ["USD:1.00"],
    });
  });
});
