import { describe, expect, it } from "vitest";
import { memoryRecordStore, type ProtocolError } from "@imprest/core";
import { createRuntime, RawClient, settle } from "./support.ts";

const lease = {
  "agent.delegate": ["child", "wait"],
  "tool.call": ["search.*"],
  "cost.budget": ["USD:1.00"],
};

describe("delegation (ARCP §10)", () => {
  it("a child under a part of the lease, in the same trace, announced with its parent", async () => {
    const { runtime } = createRuntime();
    runtime.agent("child", (context) => ({ lease: context.lease, expiresAt: context.expiresAt }));
    runtime.agent("parent", async (context) => {
      const child = await context.delegate({
        agent: "child",
        input: 1,
        lease: { "tool.call": ["search.web"] },
        expiresAt: "2026-05-13T20:00:00Z",
      });
      return child.result();
    });
    const client = new RawClient(runtime);
    await client.hello();
    const parent = await client.submit({
      agent: "parent",
      lease_request: lease,
      lease_constraints: { expires_at: "2026-05-13T21:00:00Z" },
    });
    const event = await client.next(({ payload }) => payload.kind === "delegate");
    const accepted = await client.nextOf("job.accepted");
    const end = await client.next(({ type, job_id }) => type === "job.result" && job_id === parent.job_id);
    expect(accepted.payload).toMatchObject({
      parent_job_id: parent.job_id,
      delegate_id: event.payload.body?.["delegate_id"],
      lease: { "tool.call": ["search.web"] },
      lease_constraints: { expires_at: "2026-05-13T20:00:00Z" },
      trace_id: parent.trace_id,
    });
    expect(accepted.payload["request_id"]).toBeUndefined();
    expect(end.payload["result"]).toEqual({
      lease: { "tool.call": ["search.web"] },
      expiresAt: "2026-05-13T20:00:00Z",
    });
  });

  it("the child's expiry is the earlier of both", async () => {
    const { runtime } = createRuntime();
    runtime.agent("child", (context) => context.expiresAt);
    runtime.agent("parent", async (context) => (await context.delegate({ agent: "child" })).result());
    const client = new RawClient(runtime);
    await client.hello();
    const expires_at = "2026-05-13T21:00:00Z";
    const { job_id } = await client.submit({
      agent: "parent",
      lease_request: lease,
      lease_constraints: { expires_at },
    });
    const end = await client.next((frame) => frame.type === "job.result" && frame.job_id === job_id);
    expect(end.payload["result"]).toBe(expires_at);
  });

  it("what is wider is LEASE_SUBSET_VIOLATION, as a tool_result with the delegate's id, and no child starts", async () => {
    const { runtime } = createRuntime();
    runtime.agent("child", () => "never");
    const delegations = [
      { agent: "child", lease: { "tool.call": ["**"] } },
      { agent: "child", lease: { "fs.read": ["/a"] } },
      { agent: "child", lease: { "cost.budget": ["USD:1.01"] } },
      { agent: "child", lease: { "cost.budget": ["EUR:0.01"] } },
      { agent: "child", expiresAt: "2026-05-13T21:00:00.001Z" },
      { agent: "echo" },
      { agent: "nobody" },
    ];
    runtime.agent("parent", async (context) => {
      const codes = [];
      for (const delegation of delegations) {
        codes.push(
          await context.delegate(delegation).then(
            () => "ok",
            (error: ProtocolError) => error.errorCode,
          ),
        );
      }
      return codes;
    });
    const client = new RawClient(runtime);
    await client.hello();
    const constraints = { lease_constraints: { expires_at: "2026-05-13T21:00:00Z" } };
    await client.submit({ agent: "parent", lease_request: lease, ...constraints });
    const expected = [
      ...Array.from({ length: 5 }, () => "LEASE_SUBSET_VIOLATION"),
      "PERMISSION_DENIED",
      "AGENT_NOT_AVAILABLE",
    ];
    expect((await client.nextOf("job.result")).payload["result"]).toEqual(expected);
    const ids = client.events("delegate").map(({ payload }) => payload.body?.["delegate_id"]);
    const results = client.events("tool_result").map(({ payload }) => payload.body);
    expect(results.map((body) => body?.["call_id"])).toEqual(ids);
    expect(client.of("job.accepted")).toHaveLength(1);
  });

  it("a child's spend counts against its own ceiling and its parent's; without one, against the parent's", async () => {
    const { runtime } = createRuntime();
    runtime.agent("child", async (context) => {
      await context.metric({ name: "cost.llm", value: "0.3", unit: "USD" });
      return context.remaining("USD");
    });
    runtime.agent("parent", async (context) => {
      const seen = [];
      for (const part of [{ "cost.budget": ["USD:0.5"] }, {}]) {
        const child = await context.delegate({ agent: "child", lease: part });
        seen.push(await child.result(), context.remaining("USD"));
      }
      const refused = context.delegate({ agent: "child", lease: { "cost.budget": ["USD:0.41"] } });
      seen.push(
        await refused.then(
          () => "ok",
          (error: ProtocolError) => error.errorCode,
        ),
      );
      return seen;
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "parent", lease_request: lease });
    const end = await client.next((frame) => frame.type === "job.result" && frame.job_id === job_id);
    expect(end.payload["result"]).toEqual(["0.2", "0.7", "0.4", "0.4", "LEASE_SUBSET_VIOLATION"]);
    const told = client.events("metric").filter((frame) => frame.job_id === job_id);
    expect(told.map(({ payload }) => payload.body?.["value"])).toEqual([0.7, 0.4]);
  });

  it("children end with their parent, before it", async () => {
    const { runtime } = createRuntime();
    runtime.agent("parent", async (context) => {
      await context.delegate({ agent: "wait" });
      await settle();
      return "done";
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "parent", lease_request: lease });
    const end = await client.next((frame) => frame.type === "job.result" && frame.job_id === job_id);
    const child = client.of("job.error")[0];
    expect(child?.payload).toMatchObject({ final_status: "cancelled", code: "CANCELLED" });
    expect(child?.event_seq).toBeLessThan(end.event_seq ?? 0);
  });

  it("a cancel goes down the tree; a child's failure is the delegating agent's exception", async () => {
    const { runtime } = createRuntime();
    const codes: unknown[] = [];
    runtime.agent("parent", async (context) => {
      const child = await context.delegate({ agent: "wait" });
      await child.result().catch((error: ProtocolError) => codes.push(error.errorCode));
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "parent", lease_request: lease });
    await settle();
    client.send("job.cancel", { reason: "stop" }, { job_id });
    await client.next((frame) => frame.type === "job.error" && frame.job_id === job_id);
    expect(codes).toEqual(["CANCELLED"]);
    expect(client.of("job.error").map(({ payload }) => payload.code)).toEqual(["CANCELLED", "CANCELLED"]);
  });

  it("a child that was still being prepared when its parent ended was never there", async () => {
    const records = memoryRecordStore();
    let issue = (): void => {};
    const provisioner = {
      issue: ({ parentJobId }: { parentJobId?: string | undefined }) =>
        parentJobId === undefined
          ? Promise.resolve([{ id: "c", scheme: "bearer", value: "v", endpoint: "https://gateway.example.com" }])
          : new Promise<never[]>((resolve) => (issue = () => resolve([]))),
      revoke: async () => {},
    };
    const { runtime } = createRuntime({ credentials: { provisioner, records } });
    runtime.agent("parent", async (context) => {
      void context.delegate({ agent: "wait" }).catch(() => {});
      await settle();
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "parent", lease_request: lease });
    await client.nextOf("job.result");
    issue();
    await settle();
    expect(client.of("job.accepted")).toHaveLength(1);
    expect(client.of("job.error")).toHaveLength(0);
    expect(runtime.counts.jobs).toBe(1);
  });

  it("is only so deep", async () => {
    const { runtime } = createRuntime({ maxDelegationDepth: 3 });
    runtime.agent("child", async (context) => {
      const next = await context.delegate({ agent: "child", lease: { "agent.delegate": ["child"] } });
      return next.result();
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "child", lease_request: { "agent.delegate": ["child"] } });
    const end = await client.next((frame) => frame.type === "job.error" && frame.job_id === job_id);
    expect(end.payload.code).toBe("INVALID_REQUEST");
    expect(client.of("job.accepted")).toHaveLength(4);
  });
});
