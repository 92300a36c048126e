import { describe, expect, it } from "vitest";
import type { SubscriptionAudit } from "../../src/runtime/index.ts";
import { createRuntime, type Frame, RawClient, settle } from "./support.ts";

type Jobs = { job_id: string; agent: string; status: string }[];

async function list(client: RawClient, payload: Record<string, unknown> = {}): Promise<Frame> {
  const id = client.send("session.list_jobs", payload);
  return client.next(({ payload: answer }) => answer["request_id"] === id);
}

describe("session.list_jobs (ARCP §6.6)", () => {
  it("filters, pages with cursors, and keeps finished jobs", async () => {
    const { runtime, clock } = createRuntime();
    runtime.agent("versioned@1", () => "done").agent("versioned@2", () => "done");
    const client = new RawClient(runtime);
    await client.hello();
    const ids: (string | undefined)[] = [];
    for (const agent of ["echo", "versioned@1", "versioned@2", "wait", "wait"]) {
      ids.push((await client.submit({ agent })).job_id);
      await clock.advance(1_000);
    }
    const found = async (payload: Record<string, unknown>): Promise<number[]> => {
      const jobs = (await list(client, payload)).payload["jobs"] as Jobs;
      return jobs.map(({ job_id }) => ids.indexOf(job_id));
    };
    expect(await found({})).toEqual([0, 1, 2, 3, 4]);
    expect(await found({ filter: { status: ["success"] } })).toEqual([0, 1, 2]);
    expect(await found({ filter: { agent: "versioned" } })).toEqual([1, 2]);
    expect(await found({ filter: { agent: "versioned@2" } })).toEqual([2]);
    expect(await found({ filter: { created_after: "2026-05-13T12:00:02Z" } })).toEqual([3, 4]);
    expect(await found({ filter: { created_before: "2026-05-13T12:00:02Z" } })).toEqual([0, 1]);
    const pages: number[][] = [];
    let cursor: unknown = null;
    do {
      const page: Frame = await list(client, { limit: 2, cursor });
      pages.push((page.payload["jobs"] as Jobs).map(({ job_id }) => ids.indexOf(job_id)));
      cursor = page.payload["next_cursor"];
    } while (cursor !== null);
    expect(pages).toEqual([[0, 1], [2, 3], [4]]);
    for (const payload of [{ cursor: "!!" }, { cursor: "am9i" }, { limit: 0 }, { filter: { created_after: "soon" } }]) {
      expect((await list(client, payload)).payload.code).toBe("INVALID_REQUEST");
    }
  });

  it("shows one's own jobs, and another's only by policy; a policy that fails says no", async () => {
    const { runtime } = createRuntime({
      mayObserve: ({ agent }) => {
        if (agent === "echo") throw new Error("policy down");
        return agent === "wait";
      },
    });
    runtime.agent("private", () => new Promise(() => {}));
    const alice = new RawClient(runtime);
    await alice.hello();
    for (const agent of ["wait", "private", "echo"]) await alice.submit({ agent });
    const bob = new RawClient(runtime);
    await bob.hello({ token: "tok-bob" });
    const seen = (await list(bob)).payload["jobs"] as Jobs;
    expect(seen.map(({ agent }) => agent)).toEqual(["wait"]);
    expect((await list(alice)).payload["jobs"]).toHaveLength(3);
  });
});

describe("job.subscribe (ARCP §7.6)", () => {
  it("the answer first, then the history with the subscriber's numbers, then what follows", async () => {
    const { runtime } = createRuntime();
    let finish = (): void => {};
    runtime.agent("steps", async (context) => {
      await context.log("info", "one");
      await context.metric({ name: "cost.llm", value: "1.5", unit: "USD" });
      await new Promise<void>((resolve) => (finish = resolve));
      await context.log("info", "two");
    });
    const client = new RawClient(runtime);
    await client.hello();
    await client.submit({ agent: "echo" });
    await client.nextOf("job.result");
    const expires_at = "2026-05-13T21:00:00Z";
    const lease_request = { "cost.budget": ["USD:5.00"] };
    const { job_id, trace_id } = await client.submit({
      agent: "steps",
      lease_request,
      lease_constraints: { expires_at },
    });
    await settle();
    const other = new RawClient(runtime);
    await other.hello();
    const id = other.send("job.subscribe", { job_id, history: true, from_event_seq: 4 });
    const answer = await other.nextOf("job.subscribed");
    expect(answer.payload).toEqual({
      job_id,
      request_id: id,
      current_status: "running",
      agent: "steps",
      lease: lease_request,
      lease_constraints: { expires_at },
      budget: { USD: 3.5 },
      parent_job_id: null,
      trace_id,
      subscribed_from: 4,
      replayed: true,
    });
    finish();
    await other.nextOf("job.result");
    const seen = other.frames.filter(({ event_seq }) => event_seq !== undefined);
    expect(seen.map(({ event_seq, payload }) => [event_seq, payload.kind ?? payload["final_status"]])).toEqual([
      [1, "log"],
      [2, "metric"],
      [3, "metric"],
      [4, "log"],
      [5, "success"],
    ]);
    const originals = client.events().filter((frame) => frame.job_id === job_id);
    expect(seen[0]?.payload).toEqual(originals[1]?.payload);
  });

  it("a history that is cut begins where its answer says, in the submitter's numbers", async () => {
    const { runtime } = createRuntime({ maxHistoryEvents: 3 });
    let finish = (): void => {};
    runtime.agent("steps", async (context) => {
      for (const step of ["1", "2", "3", "4", "5"]) await context.log("info", step);
      await new Promise<void>((resolve) => (finish = resolve));
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "steps" });
    await settle();
    const last = client.events().at(-1)?.event_seq ?? 0;
    for (const [asked, begins] of [
      [0, last - 3],
      [last - 1, last - 1],
      [last + 5, last + 5],
    ]) {
      const other = new RawClient(runtime);
      await other.hello();
      other.send("job.subscribe", { job_id, history: true, from_event_seq: asked });
      const { payload } = await other.nextOf("job.subscribed");
      expect([asked, payload["subscribed_from"]]).toEqual([asked, begins]);
    }
    const live = new RawClient(runtime);
    await live.hello();
    live.send("job.subscribe", { job_id });
    expect((await live.nextOf("job.subscribed")).payload["subscribed_from"]).toBe(last);
    finish();
  });

  it("without history only what follows; unsubscribing stops it; a finished job can be read again", async () => {
    const { runtime } = createRuntime();
    const logs: (() => Promise<void>)[] = [];
    runtime.agent("remote", (context) => {
      logs.push(() => context.log("info", "x"));
      return new Promise<void>((resolve) => logs.push(async () => resolve()));
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "remote" });
    await settle();
    const other = new RawClient(runtime);
    await other.hello();
    other.send("job.subscribe", { job_id });
    expect((await other.nextOf("job.subscribed")).payload["replayed"]).toBe(false);
    await logs[0]?.();
    await settle();
    other.send("job.unsubscribe", { job_id });
    await settle();
    await logs[0]?.();
    await logs[1]?.();
    await client.nextOf("job.result");
    expect(other.events()).toHaveLength(1);
    other.send("job.subscribe", { job_id, history: true });
    expect((await other.nextOf("job.subscribed")).payload["current_status"]).toBe("success");
    expect((await other.nextOf("job.result")).event_seq).toBe(5);
  });

  it("a submitter that subscribes as well gets nothing twice", async () => {
    const { runtime } = createRuntime();
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "wait" });
    client.send("job.subscribe", { job_id });
    await client.nextOf("job.subscribed");
    client.send("job.cancel", {}, { job_id });
    await client.nextOf("job.error");
    await settle();
    expect(client.of("job.error")).toHaveLength(1);
  });

  it("gives no authority to cancel; others are denied by default; each decision is audited", async () => {
    const audited: SubscriptionAudit[] = [];
    const { runtime } = createRuntime({ audit: (entry) => void audited.push(entry) });
    const alice = new RawClient(runtime);
    await alice.hello();
    const { job_id } = await alice.submit({ agent: "wait" });
    const second = new RawClient(runtime);
    await second.hello();
    second.send("job.subscribe", { job_id });
    await second.nextOf("job.subscribed");
    second.send("job.cancel", {}, { job_id });
    expect((await second.nextOf("session.error")).payload.code).toBe("PERMISSION_DENIED");
    const bob = new RawClient(runtime);
    await bob.hello({ token: "tok-bob" });
    bob.send("job.subscribe", { job_id });
    expect((await bob.nextOf("session.error")).payload.code).toBe("PERMISSION_DENIED");
    bob.send("job.subscribe", { job_id: "job_unknown" });
    expect((await bob.nextOf("session.error")).payload.code).toBe("JOB_NOT_FOUND");
    bob.send("job.cancel", {}, { job_id });
    expect((await bob.nextOf("session.error")).payload.code).toBe("JOB_NOT_FOUND");
    expect(audited.map(({ principal, owner, allowed }) => [principal, owner, allowed])).toEqual([
      ["alice", "alice", true],
      ["bob", "alice", false],
      ["bob", undefined, false],
    ]);
    await settle();
    expect(alice.of("job.error")).toHaveLength(0);
  });

  it("history is bounded: the oldest events go", async () => {
    const { runtime } = createRuntime({ maxHistoryEvents: 10 });
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < 1_000; at++) await context.log("info", String(at));
    });
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "chatty" });
    await client.nextOf("job.result");
    const other = new RawClient(runtime);
    await other.hello();
    other.send("job.subscribe", { job_id, history: true });
    await other.nextOf("job.result");
    expect(other.frames.filter(({ event_seq }) => event_seq !== undefined)).toHaveLength(10);
  });

  it("finished jobs keep so much in all: the oldest lose their events, and still answer for their key", async () => {
    const { runtime } = createRuntime({ maxFinishedCharacters: 5_000 });
    runtime.agent("wordy", async (context) => {
      await context.log("info", "x".repeat(2_000));
      return "the end";
    });
    const client = new RawClient(runtime);
    await client.hello();
    const ids: (string | undefined)[] = [];
    for (const idempotency_key of ["a", "b", "c"]) {
      ids.push((await client.submit({ agent: "wordy", idempotency_key })).job_id);
      await client.nextOf("job.result");
    }
    const told: number[] = [];
    for (const job_id of ids) {
      const other = new RawClient(runtime);
      await other.hello();
      other.send("job.subscribe", { job_id, history: true });
      await other.nextOf("job.subscribed");
      await settle();
      told.push(other.events("log").length);
    }
    expect(told).toEqual([0, 1, 1]);
    expect((await client.submit({ agent: "wordy", idempotency_key: "a" })).job_id).toBe(ids[0]);
    expect((await client.nextOf("job.result")).payload["result"]).toBe("the end");
  });

  it("keeps so many finished jobs and no more", async () => {
    const { runtime } = createRuntime({ maxFinishedJobs: 3 });
    const client = new RawClient(runtime);
    await client.hello();
    for (let at = 0; at < 10; at++) {
      await client.submit({ agent: "echo" });
      await client.nextOf("job.result");
    }
    expect(runtime.counts.jobs).toBe(3);
  });
});
