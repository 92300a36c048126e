import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sqliteJobStore } from "../../src/node/runtime.ts";
import type { ArcpRuntime, ArcpRuntimeOptions, JobStore } from "../../src/runtime/index.ts";
import { connect } from "../../src/index.ts";
import { createMemoryPair } from "../../src/transport/memory.ts";
import { createRuntime, type Frame, RawClient, settle } from "./support.ts";

describe("a runtime with a store (ARCP §6.3, §7.2)", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "imprest-arcp-store-"));
    file = join(folder, "jobs.sqlite");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What a process that dies leaves: the old runtime is never asked to close. */
  function start(options: Partial<ArcpRuntimeOptions> = {}): ArcpRuntime {
    const { runtime } = createRuntime({ store: sqliteJobStore(file), ...options });
    runtime.agent("count", async (context) => {
      for (let current = 1; current <= 3; current++) await context.progress({ current });
      await context.metric({ name: "cost.search", value: "1.25", unit: "USD" });
      return "counted";
    });
    runtime.agent("half", async (context) => {
      await context.progress({ current: 1 });
      await new Promise(() => {});
    });
    return runtime;
  }

  async function greeted(runtime: ArcpRuntime, resume?: unknown): Promise<RawClient & { readonly welcome: Frame }> {
    const client = new RawClient(runtime);
    const welcome = await client.hello({ resume });
    return Object.assign(client, { welcome });
  }

  const resumeOf = ({ welcome }: { readonly welcome: Frame }, last_event_seq: number): unknown => ({
    session_id: welcome.session_id,
    resume_token: welcome.payload["resume_token"],
    last_event_seq,
  });

  it("resumes a session after a restart: what comes is what came, under the same numbers", async () => {
    const first = await greeted(start());
    await first.submit({ agent: "count" });
    await first.nextOf("job.result");
    const told = first.frames.filter(({ event_seq: seq }) => seq !== undefined);
    const second = await greeted(start(), resumeOf(first, 2));
    expect(second.welcome).toMatchObject({ type: "session.welcome", session_id: first.welcome.session_id });
    await second.nextOf("job.result");
    const again = second.frames.filter(({ event_seq: seq }) => seq !== undefined);
    const essence = ({ type, event_seq, job_id, payload }: Frame): unknown => ({ type, event_seq, job_id, payload });
    expect(again.map(essence)).toEqual(told.slice(2).map(essence));
  });

  it("ends what was running as an error that says so, and states no costs of it", async () => {
    const first = await greeted(start());
    const { job_id } = await first.submit({ agent: "half", idempotency_key: "k" });
    await first.next(({ payload }) => payload.kind === "progress");
    const second = await greeted(start(), resumeOf(first, 0));
    const end = await second.next((frame) => frame.type === "job.error" && frame.job_id === job_id);
    expect(end.payload).toMatchObject({ final_status: "error", code: "RUNTIME_RESTARTED", retryable: true });
    expect((end as Frame & { extensions?: unknown }).extensions).toBeUndefined();
    // Once more: it has ended for good.
    const third = await greeted(start(), resumeOf(second, 0));
    await third.nextOf("job.error");
    await settle();
    expect(third.of("job.error")).toHaveLength(1);
  });

  it("knows keys, lists finished jobs, and replays their history and end to a subscriber", async () => {
    const first = await greeted(start());
    const { job_id } = await first.submit({ agent: "count", idempotency_key: "k" });
    await first.nextOf("job.result");
    const second = await greeted(start());
    const repeated = await second.submit({ agent: "count", idempotency_key: "k" });
    expect(repeated).toMatchObject({ type: "job.accepted", job_id });
    expect((await second.nextOf("job.result")).payload).toMatchObject({ result: "counted" });
    expect((await second.submit({ agent: "count", input: 1, idempotency_key: "k" })).payload.code).toBe(
      "DUPLICATE_KEY",
    );
    second.send("session.list_jobs", { filter: { status: ["success"] } });
    expect((await second.nextOf("session.jobs")).payload["jobs"]).toMatchObject([{ job_id, agent: "count" }]);
    second.send("job.subscribe", { job_id, history: true });
    await second.nextOf("job.subscribed");
    await second.nextOf("job.result");
    expect(second.events("progress")).toHaveLength(3);
  });

  it("a client goes on over the restart: the handle gets its end, and what is spent is a lower bound", async () => {
    let runtime = start();
    const session = await connect(
      () => {
        const [near, far] = createMemoryPair();
        runtime.accept(far);
        links.push(near);
        return near;
      },
      { token: "tok-alice" },
    );
    const done = await session.submit({ agent: "count" });
    expect(await done.result()).toBe("counted");
    const job = await session.submit({ agent: "half", lease: { "cost.budget": ["USD:1"] } });
    for await (const { kind } of job) if (kind === "progress") break;
    runtime = start();
    links[0]?.close();
    const outcome = await job.outcome({ timeoutMs: 5_000 });
    expect(outcome).toMatchObject({ status: "error", error: { errorCode: "RUNTIME_RESTARTED" } });
    expect(job.costsAreExact).toBe(false);
    await session.close();
  });
  const links: { close(): void }[] = [];

  it("keeps no token, no input and no credential in its file", async () => {
    const runtime = start();
    const first = await greeted(runtime);
    await first.submit({ agent: "echo", input: { password: "hunter2-input" } });
    await first.nextOf("job.result");
    await runtime.written();
    const bytes = readFileSync(file, "latin1") + readFileSync(`${file}-wal`, "latin1");
    expect(bytes).not.toContain(String(first.welcome.payload["resume_token"]));
    expect(bytes).not.toContain("tok-alice");
    expect(bytes).not.toContain(`"input"`);
  });

  it("sends nothing that is not written yet, and takes no more jobs once the store has failed", async () => {
    const inner = sqliteJobStore(file);
    let release = (): void => {};
    let broken = false;
    let held = false;
    const store: JobStore = {
      ...inner,
      async append(entries) {
        if (broken) throw new Error("the disk is full");
        if (held) await new Promise<void>((resolve) => (release = resolve));
        await inner.append(entries);
      },
    };
    const client = await greeted(start({ store }));
    held = true;
    const submitted = client.submit({ agent: "count" });
    await settle();
    expect(client.of("job.accepted")).toEqual([]);
    release();
    await submitted;
    await settle();
    expect(client.events()).toEqual([]);
    const timer = setInterval(() => release(), 1);
    await client.nextOf("job.result");
    clearInterval(timer);
    held = false;
    release();
    broken = true;
    await client.submit({ agent: "count" });
    expect((await client.submit({ agent: "count" })).payload).toMatchObject({ code: "INTERNAL_ERROR" });
  });

  it("serves nobody when the store cannot be read", async () => {
    const store: JobStore = {
      append: async () => {},
      forget: async () => {},
      // oxlint-disable-next-line require-yield
      async *read() {
        throw new Error("not a database");
      },
    };
    const client = new RawClient(start({ store }));
    await settle();
    expect(client.closed).toMatchObject({ code: 1011 });
  });
});
