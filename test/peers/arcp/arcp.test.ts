import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { type ArcpServer, serveWebSocket } from "@imprest/arcp/runtime/node";
import {
  ArcpError,
  type ArcpSession,
  type ArcpTransport,
  ResultUnavailableError,
  connect,
  openWebSocket,
} from "@imprest/arcp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPeerRuntime } from "./agents.ts";
import { inEnvironment, libraryVersion, startScript, unplayable } from "./python.ts";

// `agentruntimecontrolprotocol`, the one ARCP library on a registry, both ways: its client before our runtime, which is made
// as a user makes it, and our client before its runtime. Skipped with the reason where Python cannot be played.

const run = promisify(execFile);
const reason = unplayable === undefined ? "" : ` (skipped: ${unplayable})`;

/** What the driver in client.py asks of a runtime. */
const capabilities = `handshake wrong_token result no_input events text_chunks byte_chunks budget budget_exhausted
  lease_violation lease_expires cancel timed_out failure versions unknown_agent idempotency concurrent
  list_jobs subscribe resume acknowledge heartbeat delegate trace`.split(/\s+/);

describe.skipIf(unplayable !== undefined)(`the client of PyPI ${libraryVersion}${reason}`, () => {
  const results = new Map<string, string | null>();
  let server: ArcpServer;

  beforeAll(async () => {
    server = await serveWebSocket(createPeerRuntime());
    const child = startScript("client.py", [server.url]);
    for await (const line of createInterface({ input: child.stdout })) {
      const { capability, error } = JSON.parse(line) as { capability: string; error: string | null };
      results.set(capability, error);
    }
  }, 120_000);
  afterAll(() => server.close());

  it.each(capabilities)("%s", (capability) => {
    expect(results.get(capability)).toBeNull();
  });

  it("its own commands submit a job and follow one", async () => {
    const { url } = server;
    const access = ["--url", url, "--token", "alice"];
    const submitted = await run(inEnvironment("arcp"), ["submit", ...access, "--agent", "echo", "--input", '{"n":1}']);
    expect(JSON.parse(submitted.stdout)).toMatchObject({ final_status: "success", result: { echoed: { n: 1 } } });
    const session = await connect(url, { token: "alice" });
    const job = await session.submit({ agent: "ticker" });
    const followed = await run(inEnvironment("arcp"), ["tail", ...access, "--job-id", job.id]);
    const lines = followed.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ kind }) => kind === "progress")).toHaveLength(5);
    expect(lines.at(-1)).toMatchObject({ final_status: "success", result: "ticked" });
    await session.close();
  });
});

describe.skipIf(unplayable !== undefined)(`the runtime of PyPI ${libraryVersion}${reason}`, () => {
  let stop: () => void;
  let url: string;
  let session: ArcpSession;

  beforeAll(async () => {
    const child = startScript("runtime.py");
    stop = () => child.kill();
    for await (const line of createInterface({ input: child.stdout })) {
      url = `ws://127.0.0.1:${line}/arcp`;
      break;
    }
    session = await connect(url, { token: "alice", waitForMs: 5_000 });
  }, 60_000);
  afterAll(async () => {
    await session.close();
    stop();
  });

  it("welcomes, and refuses a wrong token", async () => {
    expect(session.runtime.name).toBe("peer");
    await expect(connect(url, { token: "nobody" })).rejects.toMatchObject({ errorCode: "UNAUTHENTICATED" });
  });

  it("runs a job and returns its result, with an input and without", async () => {
    const job = await session.submit({ agent: "echo", input: { hi: "there" } });
    expect(await job.result()).toEqual({ echoed: { hi: "there" } });
    expect((await (await session.submit({ agent: "echo" })).outcome()).status).toBe("success");
  });

  it("names its bodies as it does, and the events are the specification's", async () => {
    const job = await session.submit({ agent: "chatty" });
    const bodies = new Map<string, unknown>();
    for await (const { kind, body } of job) bodies.set(kind, body);
    expect(bodies.get("tool_call")).toMatchObject({ tool: "search", args: { q: 1 }, call_id: "c1" });
    expect(bodies.get("tool_result")).toMatchObject({ call_id: "c1", result: "hit" });
    expect(bodies.get("metric")).toMatchObject({ name: "rows", value: 3, dimensions: { a: 1 } });
    expect(bodies.get("progress")).toEqual({ current: 1, total: 2, units: "steps" });
  });

  it("streams a result", async () => {
    expect(await (await session.submit({ agent: "text" })).text()).toBe("one two three");
  });

  it("counts a budget, which the settlement states", async () => {
    const job = await session.submit({ agent: "spender", lease: { "cost.budget": ["USD:5.00"] } });
    expect(job.budget.initial("USD")).toBe("5");
    await job.result();
    expect(job.costs).toEqual({ USD: "3" });
    expect(job.budget.remaining("USD")).toBe("2");
  });

  it("cancels a job, ends one in time, and reports a failure", async () => {
    const cancelled = await session.submit({ agent: "wait" });
    // It starts an agent in a later turn, and a task that was never begun ends without a word.
    await new Promise((resolve) => setTimeout(resolve, 100));
    void cancelled.cancel("enough").catch(() => {});
    expect((await cancelled.outcome()).status).toBe("cancelled");
    expect((await (await session.submit({ agent: "wait", maxRuntimeSec: 1 })).outcome()).status).toBe("timed_out");
    await expect((await session.submit({ agent: "fails" })).result()).rejects.toThrow("on purpose");
  });

  it("resolves versions, and refuses an agent that it does not have for that submit alone", async () => {
    expect((await session.submit({ agent: "versioned@1.0.0" })).agent).toBe("versioned@1.0.0");
    const running = await session.submit({ agent: "ticker" });
    await expect(session.submit({ agent: "nobody" })).rejects.toBeInstanceOf(ArcpError);
    expect(await running.result()).toBe("ticked");
  });

  it("takes a repeated submit for the same job", async () => {
    const first = await session.submit({ agent: "echo", input: 1, idempotencyKey: "peer-key" });
    await first.result();
    const again = await session.submit({ agent: "echo", input: 1, idempotencyKey: "peer-key" });
    expect([again.id, await again.result()]).toEqual([first.id, { echoed: 1 }]);
  });

  it("answers fifty submits at once, each with its own job", async () => {
    const inputs = Array.from({ length: 50 }, (_, input) => input);
    const jobs = await Promise.all(inputs.map((input) => session.submit({ agent: "echo", input })));
    expect(await Promise.all(jobs.map((job) => job.result()))).toEqual(inputs.map((echoed) => ({ echoed })));
  });

  it("lists jobs, and lets another session watch one with its history", async () => {
    const job = await session.submit({ agent: "ticker" });
    const watcher = await connect(url, { token: "alice" });
    const listed: string[] = [];
    for await (const { jobId } of watcher.listJobs()) listed.push(jobId);
    expect(listed).toContain(job.id);
    const subscription = await watcher.subscribe(job.id, { history: true });
    const ticks: unknown[] = [];
    for await (const { kind, body } of subscription.events({ kinds: ["progress"] }))
      if (kind === "progress") ticks.push(body.current);
    expect(ticks).toEqual([1, 2, 3, 4, 5]);
    expect(await subscription.result()).toBe("ticked");
    await watcher.close();
  });

  it("brings no frame of a job over a resume: the job is found again under its key, or its end is said to be lost", async () => {
    const dialled: ArcpTransport[] = [];
    const dial = async (): Promise<ArcpTransport> => {
      const transport = await openWebSocket(new URL(url));
      dialled.push(transport);
      return transport;
    };
    const impatient = { token: "alice", probeAfterMs: 500, lostAfterMs: 500 };
    const dropped = await connect(dial, impatient);
    const job = await dropped.submit({ agent: "ticker", idempotencyKey: "found-again" });
    dialled[0]?.close(4000, "lost");
    expect(await job.result({ timeoutMs: 20_000 })).toBe("ticked");
    const other = await dropped.submit({ agent: "ticker" });
    const ticket = dropped.detach();
    // It can be resumed once the runtime has noticed that the connection is gone.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const again = await connect(url, { ...impatient, resume: ticket });
    const lost = again.job(other.id)?.result({ timeoutMs: 20_000 });
    await expect(lost).rejects.toBeInstanceOf(ResultUnavailableError);
    await again.close();
  });
});
