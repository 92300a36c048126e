import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { CyclesClient } from "@imprest/cycles";
import { type TestContext, beforeAll, describe, expect, it } from "vitest";
import { serving } from "../../packages/imprest/test/serving.ts";

// The official Cycles clients of PyPI, their own live suites and examples, against `imprest serve`. What fails for a fault of its
// own is named below and in docs/cycles.md.

const root = resolve(import.meta.dirname, "../..");
const folder = join(tmpdir(), "imprest-peers-python");
const python = join(folder, "venv/bin/python");
const source = (name: string): string => join(folder, "src", name);
const hasPython = spawnSync("python3", ["-c", "import venv, ensurepip"]).status === 0;

const needsPython = ({ skip }: TestContext): void => {
  if (!hasPython) skip("there is no python3 with venv here; CI has one");
};

beforeAll(() => {
  if (!hasPython) return;
  const { status } = spawnSync("bash", ["tools/install-python-clients.sh", folder], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the clients could not be installed");
}, 300_000);

/** A server with a budget of a thousand dollars, and what a client is given to reach it. */
async function serve() {
  const key = `cyc_live_${crypto.randomUUID()}`;
  const budgets = ["USD:1000", "TOKENS:1000000"].flatMap((amount) => ["--budget", `tenant:acme=${amount}`]);
  const flags = ["--port", "0", "--fill-in-tenant", "--key", `acme=${key}`, ...budgets];
  const { out, stop } = await serving(flags, /Serving .*\n/);
  const url = /at (http:\S+?),? /.exec(out())?.[1] ?? "";
  const client = new CyclesClient({ baseUrl: url, apiKey: key, subject: { tenant: "acme" } });
  const books = async () => {
    for await (const { scope_path, reserved, spent, remaining } of client.getBalances({ tenant: "acme" })) {
      if (scope_path !== "tenant:acme" || remaining.unit !== "USD_MICROCENTS") continue;
      return { reserved: reserved?.amount, spent: spent?.amount };
    }
    throw new Error("there is no such budget");
  };
  const env = { CYCLES_BASE_URL: url, CYCLES_API_KEY: key, CYCLES_TENANT: "acme" };
  return { env, books, [Symbol.asyncDispose]: async () => void (await stop()) };
}

type Environment = Readonly<Record<string, string>>;

async function run(args: readonly string[], cwd: string, env: Environment): Promise<{ code: number; printed: string }> {
  const child = spawn(python, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise<number>((done) => child.once("close", (status) => done(status ?? 1)));
  const printed = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, printed: printed.join("\n") };
}

/** The examples of the first client name a server and a key that nobody has. */
async function example(file: string, env: Environment): Promise<{ code: number; printed: string }> {
  const { CYCLES_BASE_URL: url = "", CYCLES_API_KEY: key = "" } = env;
  const copy = join(folder, `example-${crypto.randomUUID()}.py`);
  const program = readFileSync(file, "utf8").replaceAll("http://localhost:7878", url).replaceAll("your-api-key", key);
  writeFileSync(copy, program);
  return run([copy], folder, env);
}

describe.each([
  ["runcycles-0.5.3", 5],
  ["runcycles_ap2-0.3.1", 5],
  ["langchain_runcycles-0.4.0", 6],
])("%s", (client, tests) => {
  it("passes its own integration tests against a live server, and leaves nothing reserved", async (context) => {
    needsPython(context);
    await using server = await serve();
    const args = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration"];
    const { code, printed } = await run(args, source(client), server.env);
    expect(printed).toMatch(new RegExp(`^${tests} passed in `, "m"));
    expect(code).toBe(0);
    expect((await server.books()).reserved).toBe(0n);
  });
});

describe("the examples", () => {
  it("of reserve and commit book what they say that they spent", async (context) => {
    needsPython(context);
    await using server = await serve();
    const { code, printed } = await example(source("runcycles-0.5.3/examples/basic_usage.py"), server.env);
    expect(printed).toContain("'status': 'COMMITTED', 'charged': {'unit': 'USD_MICROCENTS', 'amount': 420000}");
    expect(code).toBe(0);
    expect(await server.books()).toEqual({ reserved: 0n, spent: 420_000n });
  });

  it("of asyncio reserve and settle", async (context) => {
    needsPython(context);
    await using server = await serve();
    const { code, printed } = await example(source("runcycles-0.5.3/examples/async_usage.py"), server.env);
    expect(printed).toContain("Result: Response to: Hello, world!");
    expect(code).toBe(0);
    expect(await server.books()).toMatchObject({ reserved: 0n });
  });

  it("of the decorator work until the call that fails in the client, before anything is sent", async (context) => {
    needsPython(context);
    await using server = await serve();
    const { code, printed } = await example(source("runcycles-0.5.3/examples/decorator_usage.py"), server.env);
    expect(printed).toContain("got an unexpected keyword argument 'workspace_id'");
    expect(code).toBe(1);
    expect(await server.books()).toMatchObject({ reserved: 0n });
  });

  it.for(["ap2_human_not_present.py", "ap2_human_not_present_async.py"])(
    "of a payment, %s: pays once however often it runs, and says in a dry run what it would do",
    async (name, context) => {
      needsPython(context);
      const file = source(`runcycles_ap2-0.3.1/examples/${name}`);
      await using server = await serve();
      const first = await run([file], folder, server.env);
      expect(first.printed).toContain('"committed": true');
      const { spent } = await server.books();
      expect(spent).toBeGreaterThan(0n);
      const again = await run([file], folder, server.env);
      expect([first.code, again.code]).toEqual([0, 0]);
      expect(await server.books()).toEqual({ reserved: 0n, spent });

      await using fresh = await serve();
      const dry = await run([file], folder, { ...fresh.env, DRY_RUN: "1" });
      expect(dry.printed).toContain("dry-run decision=ALLOW");
      expect(await fresh.books()).toEqual({ reserved: 0n, spent: 0n });
      // Both derive one key for two different payloads: a mismatch here and at the reference server.
      expect((await run([file], folder, fresh.env)).printed).toContain("AP2 reservation failed");
    },
  );
});

it("an agent of LangChain behind the three gates books each model turn and each tool call", async (context) => {
  needsPython(context);
  await using server = await serve();
  const program = join(import.meta.dirname, "cycles-clients/langchain_gates.py");
  const { printed } = await run(["-W", "ignore", program], folder, server.env);
  expect(printed).toContain('["Text alice.", "", "sent to alice", "done"]');
  // Two turns of 700, and a tool call of 80.
  expect(await server.books()).toEqual({ reserved: 0n, spent: 1_480n });
});
