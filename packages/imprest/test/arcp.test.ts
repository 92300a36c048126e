import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type ArcpTransport, connect, openWebSocket } from "@imprest/arcp";
import { memoryRecordStore } from "@imprest/core";
import { type ArcpRuntimeOptions, createArcpRuntime } from "@imprest/arcp/runtime";
import { serveWebSocket } from "@imprest/arcp/runtime/node";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { follow } from "../src/cli/arcp/follow.ts";
import { cancelAndWait } from "../src/cli/arcp/cancel.ts";
import { Screen } from "../src/cli/arcp/screen.ts";
import { type FakeOptions, fakeTerminal, imprest } from "./support.ts";

const root = resolve(import.meta.dirname, "../../..");

const folder = mkdtempSync(join(tmpdir(), "imprest-arcp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const token = "token-of-alice-0123456789";
const binary = Uint8Array.from({ length: 512 }, (_, at) => at % 256);

/** Serves the real runtime; `run` is `imprest arcp …` against it. */
async function serve(options: Partial<ArcpRuntimeOptions> = {}) {
  const runtime = createArcpRuntime({
    authenticate: (given) => ({ [token]: "alice", "token-of-bob": "bob" })[given],
    name: "test runtime",
    ...options,
  });
  runtime.agent("researcher@1.0.0", async (context) => {
    for (let at = 1; at <= 3; at++) {
      await context.progress({ current: at, total: 3, units: "sources" });
      await context.metric({ name: "cost.search", value: "0.02", unit: "USD" });
      await context.log("info", `found \u001b[31m${at}\n`);
    }
    return { about: context.input };
  });
  runtime.agent("echo", ({ input }) => input);
  runtime.agent("echo-later", async ({ input }) => {
    await setTimeout(500);
    return input;
  });
  runtime.agent("binary", async ({ result }) => {
    await result.write(binary.subarray(0, 300));
    await result.write(binary.subarray(300));
  });
  runtime.agent("reporter", async ({ result }) => {
    for (const part of ["Hällo ", "wörld"]) await result.write(part);
  });
  runtime.agent("broke", async (context) => {
    await context.metric({ name: "cost.search", value: "0.5", unit: "USD" });
    throw new Error("no luck");
  });
  runtime.agent("patient", async ({ signal }) => {
    await once(signal, "abort");
    throw signal.reason;
  });
  runtime.agent("rotating", async (context) => {
    for (const { id } of context.credentials) await context.rotateCredential(id);
    // The values are gone from the client's handle once the job is over.
    await setTimeout(100);
  });
  const server = await serveWebSocket(runtime);
  cleanups.push(
    () => server.close(),
    () => runtime.close(),
  );
  const environment = { ARCP_URL: server.url, ARCP_TOKEN: token };
  const run = async (args: readonly string[], fake: FakeOptions = {}) => {
    const ran = await imprest(["arcp", ...args], { environment, ...fake });
    expect(ran.out + ran.err).not.toContain(token);
    return ran;
  };
  return { runtime, server, run, environment };
}

/** The lines of NDJSON. */
const lines = (out: string) =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("imprest arcp submit --follow", () => {
  it("takes the input from a file, shows progress and budget on an interactive terminal, and prints the result", async () => {
    const { run } = await serve();
    const files = { "in.json": '{"topic":"funds"}' };
    const args = ["submit", "researcher@1.0.0", "--input", "@in.json", "--budget", "USD:1.00", "--follow"];
    const { code, out, err } = await run(args, { files, interactive: true });
    expect({ code, out }).toEqual({ code: 0, out: '{"about":{"topic":"funds"}}\n' });
    expect(err).toMatch(/\[#######-------------\] 1\/3 sources {2}USD [\d.]+ of 1 left/);
    expect(err).toContain("[####################] 3/3 sources  USD 0.94 of 1 left");
    expect(err.split("\r\u001b[K").at(-1)).toMatch(/^Job job_\w+ succeeded; spent USD 0\.06; USD 0\.94 of 1 left\n$/);
    // What an agent says cannot move the cursor.
    expect(err).toContain("info: found [31m1\n");
    expect(err).not.toContain("\u001b[31m");
  });

  it("draws nothing where nobody watches", async () => {
    const { run } = await serve();
    const { code, err } = await run(["submit", "researcher", "--follow"]);
    expect(code).toBe(0);
    expect(err).not.toMatch(/\r|\[#/);
    expect(err).toContain("info: found [31m3\n");
  });

  it("hands binary chunks to standard output as they are", async () => {
    const { run } = await serve();
    const parts: Uint8Array[] = [];
    const output = (data: string | Uint8Array) => void parts.push(Buffer.from(data));
    expect(await run(["submit", "binary", "--follow"], { output })).toMatchObject({ code: 0 });
    expect(Buffer.concat(parts).equals(binary)).toBe(true);
  });

  it("adds nothing to text chunks, and keeps lines off a half-written one on a shared screen", async () => {
    const { run } = await serve();
    const screen: string[] = [];
    const output = (data: string | Uint8Array) => void screen.push(Buffer.from(data).toString());
    const warned = (text: string) => void screen.push(text);
    const shared = { interactive: true, interactiveOutput: true, output, warned };
    const { code, out } = await run(["submit", "reporter", "--follow"], shared);
    expect({ code, out }).toEqual({ code: 0, out: "Hällo wörld" });
    expect(screen.join("")).toMatch(/Hällo wörld\nJob job_\w+ succeeded\n$/);
  });

  it("exits 1 for a job that fails, and says why and what it cost", async () => {
    const { run } = await serve();
    const ran = await run(["submit", "broke", "--budget", "USD:1", "--follow"]);
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.err).toMatch(/Job job_\w+ failed; spent USD 0\.5; USD 0\.5 of 1 left: INTERNAL_ERROR .*no luck/);
  });

  it("goes on over a new connection when one is lost, and says so on a line of its own", async () => {
    const { run, runtime, server } = await serve();
    const { port } = new URL(server.url);
    const followed = run(["submit", "echo-later", "--text", "on", "--follow"], { interactive: true });
    await expect.poll(() => runtime.counts.jobs).toBe(1);
    await server.close();
    const second = await serveWebSocket(runtime, { port: Number(port) });
    cleanups.push(() => second.close());
    const ran = await followed;
    expect(ran).toMatchObject({ code: 0, out: "on\n" });
    expect(ran.err).toContain("The connection is lost; trying again.\n");
  });

  it("a cancel whose session is gone is reported, and does not hang", async () => {
    const { environment } = await serve();
    const session = await connect(environment.ARCP_URL, { token });
    const job = await session.submit({ agent: "patient" });
    await session.close();
    expect(await cancelAndWait(job, "too late")).toContain("The session was closed.");
  });

  it("SIGINT cancels the job and says so", async () => {
    const { run, runtime } = await serve();
    const interrupt = new AbortController();
    const warned = (text: string) => text.startsWith("Job ") && interrupt.abort();
    const ran = await run(["submit", "patient", "--follow"], { signal: interrupt.signal, warned });
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.err).toMatch(/Interrupted: cancelling job (job_\w+)\.\n[^]*Job \1 was cancelled: CANCELLED/);
    const listed = await run(["list", "--format", "json"]);
    expect(lines(listed.out)).toMatchObject([{ status: "cancelled" }]);
    expect(runtime.counts.jobs).toBe(1);
  });

  it("--format json: events as NDJSON, the chunks among them, then the outcome", async () => {
    const { run } = await serve();
    const { code, out, err } = await run(["submit", "reporter", "--follow", "--format", "json"]);
    const events = lines(out);
    expect(events.at(0)).toMatchObject({ kind: "accepted", body: { agent: "reporter" } });
    expect(events.at(-1)).toMatchObject({ kind: "outcome", body: { status: "success", resultSize: 13 } });
    expect(events.filter(({ kind }) => kind === "result_chunk")).toMatchObject([
      { body: { data: "Hällo ", chunk_seq: 0 } },
      { body: { data: "wörld", chunk_seq: 1 } },
      ...(events.filter(({ kind }) => kind === "result_chunk").length > 2 ? [{ body: { data: "" } }] : []),
    ]);
    expect(err).toMatch(/^Job job_\w+ succeeded\n$/);
    expect(code).toBe(0);
    const failed = await run(["submit", "broke", "--follow", "--format", "json"]);
    expect(failed.code).toBe(1);
    expect(lines(failed.out).at(-1)).toMatchObject({
      body: { status: "error", error: { errorCode: "INTERNAL_ERROR" } },
      costs: { USD: "0.5" },
      eventsMissing: false,
    });
  });

  it.each<[ArcpRuntimeOptions["dialect"], object]>([
    ["spec", { phase: "credential_rotated", id: "cred_1", value: "[redacted]" }],
    [
      "go",
      {
        phase: "credential_rotated",
        id: "cred_1",
        message: "cred_1",
        details: { id: "cred_1", value: "[redacted]" },
      },
    ],
  ])("credentials print [redacted], rotated ones too (dialect %s)", async (dialect, rotated) => {
    let issued = 0;
    const provisioner = {
      issue: async () => {
        issued += 1;
        const value = `upstream-secret-${issued}`;
        return [{ id: "cred_1", scheme: "bearer", value, endpoint: "https://api.example/v1" }];
      },
      revoke: async () => {},
    };
    const { run } = await serve({ dialect, credentials: { provisioner, records: memoryRecordStore() } });
    const args = ["submit", "rotating", "--allow", "model.use=*", "--follow"];
    const text = await run(args);
    expect(text).toMatchObject({ code: 0, err: expect.stringContaining("https://api.example/v1: [redacted]\n") });
    expect(text.err).toContain("status: credential_rotated cred_1\n");
    const json = await run([...args, "--format", "json"]);
    const [accepted, ...events] = lines(json.out);
    expect(accepted).toMatchObject({ body: { credentials: [{ id: "cred_1", value: "[redacted]" }] } });
    expect(events).toContainEqual(expect.objectContaining({ body: rotated }));
    expect(issued).toBe(4);
    expect(text.out + text.err + json.out + json.err).not.toContain("upstream-secret");
  });

  it("exits 1 when chunks came that do not have the announced SHA-256", async () => {
    const { environment } = await serve();
    const announceAnother = (text: string) => text.replace('"result_size":', '"sha256":"00","result_size":');
    const open = () => altered(environment.ARCP_URL, announceAnother);
    const session = await connect(open, { token });
    cleanups.push(() => session.close());
    const { terminal, written } = fakeTerminal();
    const job = await session.submit({ agent: "reporter" });
    expect(
      await follow(job, { terminal, screen: new Screen(terminal), format: "text", interrupted: async () => undefined }),
    ).toBe(1);
    expect(written().err).toContain("SHA-256 differs");
  });

  it.each(["spec", "ts", "py", "go"] as const)("follows a job of the dialect %s", async (dialect) => {
    const { run } = await serve({ dialect });
    const ran = await run(["submit", "researcher@1.0.0", "--text", "funds", "--budget", "USD:1", "--follow"]);
    expect(ran).toMatchObject({ code: 0, out: '{"about":"funds"}\n' });
    expect(ran.err).toMatch(/succeeded; spent USD 0\.06; USD 0\.94 of 1 left\n$/);
    expect(await run(["submit", "reporter", "--follow"])).toMatchObject({ code: 0, out: "Hällo wörld" });
  });

  it("as its own process: a real SIGINT cancels the job, and nothing keeps the process alive", async () => {
    const { run, environment } = await serve();
    const command = ["--conditions=@imprest/source", "packages/imprest/bin/imprest.js", "arcp", "submit", "patient"];
    const child = spawn(process.execPath, [...command, "--follow"], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (chunk: Buffer) => {
      if (!err.includes("status: running") && `${err}${chunk.toString()}`.includes("status: running")) {
        child.kill("SIGINT");
      }
      err += chunk.toString();
    });
    const [code] = (await once(child, "exit")) as [number];
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("was cancelled: CANCELLED") });
    expect(lines((await run(["list", "--format", "json"])).out)).toMatchObject([{ status: "cancelled" }]);
  });
});

/** A connection to the real runtime whose frames are changed on the way. */
async function altered(url: string, change: (text: string) => string): Promise<ArcpTransport> {
  const transport = await openWebSocket(new URL(url));
  return {
    confidential: true,
    closed: transport.closed,
    send: (text) => transport.send(text),
    close: () => transport.close(),
    onMessage: (listener) => transport.onMessage((text) => listener(change(text))),
  };
}

describe("imprest arcp submit, cancel, watch and list", () => {
  it.each(["spec", "py", "go"] as const)("%s: the ticket is private and cancels the job later", async (dialect) => {
    const { run } = await serve({ dialect });
    const ticket = join(folder, `ticket-${dialect}.json`);
    const submitted = await run(["submit", "patient", "--ticket", ticket]);
    expect(submitted).toMatchObject({ code: 0, out: expect.stringMatching(/^job_\w+\n$/), err: "" });
    expect(statSync(ticket).mode & 0o777).toBe(0o600);
    const kept = JSON.parse(readFileSync(ticket, "utf8")) as { resumeToken: string };
    const jobId = submitted.out.trim();

    const again = await run(["submit", "patient", "--ticket", ticket]);
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining("there already") });
    // The Python reference says nothing to another session's cancel; that wait is not worth a test.
    const without = dialect === "py" ? undefined : await run(["cancel", jobId]);
    if (without) expect(without).toMatchObject({ code: 1, err: expect.stringMatching(/DENIED.*--ticket FILE/) });
    const files = { [ticket]: readFileSync(ticket, "utf8") };
    const cancelled = await run(["cancel", jobId, "--ticket", ticket], { files });
    expect(cancelled).toMatchObject({ code: 0, out: "", err: `Job ${jobId}: cancelled\n` });
    // The token was used up; the file holds the one that replaced it.
    const renewed = JSON.parse(readFileSync(ticket, "utf8")) as { resumeToken: string };
    expect(renewed.resumeToken).not.toBe(kept.resumeToken);
    expect(cancelled.err + submitted.err).not.toContain(kept.resumeToken);
    const over = await run(["cancel", jobId, "--format", "json"]);
    expect(JSON.parse(over.out)).toMatchObject({ jobId, status: "cancelled" });
  });

  it("watches a job that another session runs; SIGINT leaves it running", async () => {
    const { run } = await serve();
    const jobId = (await run(["submit", "researcher", "--text", "funds"])).out.trim();
    const watched = await run(["watch", jobId]);
    expect(watched).toMatchObject({ code: 0, out: '{"about":"funds"}\n' });
    expect(watched.err).toContain(`Job ${jobId} succeeded`);

    const running = (await run(["submit", "patient"])).out.trim();
    const interrupt = new AbortController();
    const left = run(["watch", running], { signal: interrupt.signal });
    await setTimeout(200);
    interrupt.abort();
    expect(await left).toMatchObject({ code: 2, err: expect.stringContaining("the job goes on") });
    const listed = await run(["list", "--status", "running", "--format", "json"]);
    expect(lines(listed.out)).toMatchObject([{ jobId: running, agent: "patient", status: "running" }]);
  });

  it("lists by status, agent and number, and shows nobody else's jobs", async () => {
    const { run, environment } = await serve();
    for (const agent of ["echo", "echo", "reporter"]) await run(["submit", agent, "--input", "1", "--follow"]);
    expect((await run(["list"])).out).toMatch(/^(job_\w+ {2}success {2,}\S+Z {2}(echo|reporter)\n){3}$/);
    expect(lines((await run(["list", "--agent", "echo", "--limit", "1", "--format", "json"])).out)).toHaveLength(1);
    const echoes = lines((await run(["list", "--agent", "echo", "--format", "json"])).out);
    expect(echoes.map(({ agent }) => agent)).toEqual(["echo", "echo"]);
    expect((await run(["list", "--after", "2020-01-01"])).out.split("\n")).toHaveLength(4);
    expect(await run(["list", "--after", "2200-01-01T00:00:00Z"])).toMatchObject({ code: 0, out: "" });
    expect(await run(["list", "--status", "running"])).toMatchObject({ code: 0, out: "", err: "" });
    const bob = { ...environment, ARCP_TOKEN: "token-of-bob" };
    expect(await run(["list"], { environment: bob })).toMatchObject({ code: 0, out: "", err: "" });
    expect(await run(["watch", "job_none"])).toMatchObject({ code: 2, err: expect.stringContaining("JOB_NOT_FOUND") });
  });

  it("--key: the same submit twice is one job; --allow and --max-runtime reach the runtime", async () => {
    const { run } = await serve();
    const args = ["submit", "patient", "--key", "k-1", "--allow", "tool.call=search.*", "--max-runtime", "1"];
    const first = await run(args);
    expect((await run(args)).out).toBe(first.out);
    const followed = await run([...args, "--follow", "--format", "json"]);
    expect(followed.code).toBe(1);
    expect(lines(followed.out).at(0)).toMatchObject({ body: { lease: { "tool.call": ["search.*"] } } });
    expect(lines(followed.out).at(-1)).toMatchObject({ body: { status: "timed_out" } });
  });
});

describe("imprest arcp doctor", () => {
  it.each([
    ["spec", "session.error, which names the request."],
    ["ts", "job.error, which does not name the request."],
    ["py", "session.error, which does not name the request."],
    ["go", "session.error, which names the request."],
  ] as const)(
    "says what it saw of a runtime that speaks %s, and which features there are",
    async (dialect, refusal) => {
      const { run, environment, runtime } = await serve({ dialect });
      const { code, out } = await run(["doctor"]);
      expect(out).toContain(`ok     A refused request is answered with ${refusal}\n`);
      expect(out).toContain("ok     A lost session can be resumed for 600 s.\n");
      expect(out).not.toMatch(/dialect|reference/);
      expect(out).toContain(`the runtime is ${environment.ARCP_URL}\n`);
      expect(out).toContain("takes the token: test runtime");
      expect(out).toMatch(
        /features: heartbeat, .*result_chunk, agent_versions\n {7}without: provisioned_credentials\n/,
      );
      expect(out).toContain("researcher@1.0.0");
      expect(code).toBe(0);
      expect(runtime.counts.jobs).toBe(0);
      const json = await run(["doctor", "--format", "json"]);
      expect(JSON.parse(json.out)).toMatchObject({
        observed: expect.arrayContaining([`A refused request is answered with ${refusal}`]) as string[],
        missing: ["provisioned_credentials"],
      });
    },
  );

  it("says what is wrong: the token, the address, the configuration", async () => {
    const { run, environment } = await serve();
    const wrongToken = { ...environment, ARCP_TOKEN: "not-the-token" };
    const refused = await run(["doctor"], { environment: wrongToken });
    expect(refused).toMatchObject({
      code: 1,
      out: expect.stringMatching(/WRONG {2}UNAUTHENTICATED.* Check ARCP_TOKEN/),
    });
    expect(refused.out).not.toContain("not-the-token");
    const nobody = await run(["doctor", "--url", "ws://127.0.0.1:9/arcp?secret=1"]);
    expect(nobody).toMatchObject({ code: 1, out: expect.stringMatching(/WRONG/) });
    expect(nobody.out).not.toContain("secret=1");
    expect(await run(["doctor"], { environment: {} })).toMatchObject({
      code: 1,
      out: expect.stringContaining("ARCP_URL"),
    });
  });
});

describe("imprest arcp with unusable input", () => {
  const environment = { ARCP_URL: "ws://127.0.0.1:9/arcp", ARCP_TOKEN: token };
  it.each([
    [[], "Say what to do"],
    [["toString"], "Say what to do"],
    [["submit"], "Name an agent"],
    [["submit", "UPPER"], "Name an agent"],
    [["submit", "echo", "--token", token], "--token"],
    [["submit", "echo", "--input", "{"], "--input is not JSON"],
    [["submit", "echo", "--input", "@/nonexistent"], "ENOENT"],
    [["submit", "echo", "--input", "1", "--text", "a"], "not both"],
    [["submit", "echo", "--budget", "1.00"], "write USD:1.00"],
    [["submit", "echo", "--allow", "tool.call"], "CAPABILITY=PATTERN"],
    [["submit", "echo", "--allow", "root.shell=*"], "reserved capability"],
    [["submit", "echo", "--max-runtime", "1.5"], "--max-runtime"],
    [["submit", "echo", "--follow", "--ticket", "t"], "not followed"],
    [["list", "--after", "yesterday"], "--after must be a time"],
    [["list", "--format", "xml"], "--format"],
    [["watch"], "Name a job"],
    [["cancel", "job_1", "--ticket", "t.json"], "no ticket"],
    [["list", "--url", "https://a.example"], "wss:"],
    [["list", "--url", "ws://a.example/arcp"], "in the clear"],
    [["list"], "127.0.0.1:9"],
  ])("%o: exits 2 and says %o", async (args, message) => {
    const ran = await imprest(["arcp", ...args], { environment, files: { "t.json": "null" } });
    expect(ran).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
    expect(ran.err).not.toContain(token);
  });

  it("without a token names the variable", async () => {
    const ran = await imprest(["arcp", "list", "--url", "ws://127.0.0.1:9"]);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("ARCP_TOKEN") });
  });

  it("the help fits a screen", async () => {
    const { code, out } = await imprest(["arcp", "submit", "--help"]);
    const shown = out.split("\n");
    expect(code).toBe(0);
    expect(shown.length).toBeLessThan(30);
    expect(Math.max(...shown.map(({ length }) => length))).toBeLessThanOrEqual(100);
  });
});
