import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { builtPackages, packAll } from "./support/pack.ts";

// What a stranger does with one line on a terminal: install the packed packages, run the command, open the link.

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "imprest-console-"));

beforeAll(async () => {
  const tarballs = await packAll(builtPackages(), join(folder, "tarballs"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...tarballs.values()], { cwd: folder });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  /** All that it wrote, standard error too. */
  readonly out: () => string;
  readonly stop: () => Promise<number | null>;
}

function imprest(...args: readonly string[]): Running {
  const child = spawn(process.execPath, ["node_modules/imprest/bin/imprest.js", ...args], { cwd: folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (out += chunk.toString()));
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  const stop = (): Promise<number | null> => {
    child.kill("SIGINT");
    return ended;
  };
  return { child, out: () => out, stop };
}

/** Opens the link that the command shows, as a browser does, and reads what the page reads. */
async function opened({ out }: Running) {
  const link = await vi.waitFor(() => /http:\S+token=\S+/.exec(out())?.[0] ?? Promise.reject(new Error(out())), 10_000);
  const entered = await fetch(link, { redirect: "manual" });
  const base = new URL(entered.headers.get("location") ?? "", link).href;
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  const get = (path: string): Promise<Response> => fetch(base + path, { headers: { cookie } });
  return { link, base, get, json: async (path: string) => (await get(path)).json() as Promise<unknown> };
}

interface Budgets {
  readonly rows: readonly { readonly scope: string; readonly exhaustsAtMs?: number }[];
}
interface Activities {
  readonly activities: readonly { readonly kind: string; readonly agent?: string; readonly reason?: string }[];
}

it("from the line of the demo one reads which agent runs out next, and when, and why the last call was denied", async () => {
  const demo = imprest("demo", "--console", "--pace", "600");
  const console = await opened(demo);
  expect(await (await console.get("")).text()).toContain('<script type="module"');
  const next = await vi.waitFor(async () => {
    const { rows } = (await console.json("api/budgets")) as Budgets;
    expect(rows[0]).toMatchObject({ scope: "tenant:demo/agent:writer", exhaustsAtMs: expect.any(Number) as number });
    return rows[0];
  }, 20_000);
  expect((next?.exhaustsAtMs ?? 0) - Date.now()).toBeLessThan(60_000);
  const denied = await vi.waitFor(async () => {
    const { activities } = (await console.json("api/activities")) as Activities;
    return activities.findLast(({ kind }) => kind === "denied") ?? Promise.reject(new Error("none yet"));
  }, 30_000);
  expect(denied).toMatchObject({
    agent: "writer",
    reason: "BUDGET_EXCEEDED",
    blockedBy: { scope: "tenant:demo/agent:writer" },
    suggestedFix: expect.stringMatching(
      /^Fund tenant:demo\/agent:writer budget by at least \d+ USD_MICROCENTS$/,
    ) as string,
  });
  await vi.waitFor(() => expect(demo.out()).toContain("The console stays open until Ctrl-C."), 10_000);
  const token = new URL(console.link).searchParams.get("token") ?? "";
  expect(demo.out().split(token)).toHaveLength(2);
  expect(await demo.stop()).toBe(0);
}, 90_000);

it("a server's ledger and a Cycles server's tenant are looked at by one line each, and the page never has the key", async () => {
  const key = "imp_test_key_0123456789abcdef";
  writeFileSync(join(folder, "key"), `${key}\n`);
  const options = "--console --admin --port 0 --budget tenant:acme=USD:1.00 --key-file acme=key";
  const serve = imprest("serve", ...options.split(" "));
  const ledger = await opened(serve);
  const server = /http:\/\/\S+(?=, in memory)/.exec(serve.out())?.[0] ?? "";
  const looking = spawn(process.execPath, ["node_modules/imprest/bin/imprest.js", "console", "--server", server], {
    cwd: folder,
    env: { ...process.env, CYCLES_API_KEY: key },
  });
  onTestFinished(() => void looking.kill("SIGKILL"));
  let out = "";
  looking.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  const remote = await opened({ child: looking, out: () => out, stop: () => Promise.resolve(null) });
  const body = { idempotency_key: "k", subject: { tenant: "acme" }, action: { kind: "llm.completion", name: "gpt-5" } };
  const asked = (amount: number) =>
    fetch(`${server}/v1/reservations`, {
      method: "POST",
      headers: { "X-Cycles-API-Key": key, "Content-Type": "application/json" },
      body: JSON.stringify({ ...body, idempotency_key: `k${amount}`, estimate: { unit: "USD_MICROCENTS", amount } }),
    });
  expect([(await asked(5_000_000)).status, (await asked(900_000_000)).status]).toEqual([200, 409]);
  for (const page of [ledger, remote]) {
    await vi.waitFor(async () => {
      const { activities } = (await page.json("api/activities")) as Activities;
      // Of two looks at a server each sees its own.
      expect(activities.map(({ kind }) => kind).toSorted()).toEqual(["denied", "reserved"]);
    }, 10_000);
    for (const path of ["", "api/state", "api/budgets", "api/activities", "api/waiting"]) {
      const answer = await page.get(path);
      expect(JSON.stringify([...answer.headers]) + (await answer.text())).not.toContain(key);
    }
  }
  expect(await remote.json("api/state")).toMatchObject({
    authority: { kind: "cycles", target: server },
    denials: true,
  });
  expect(await serve.stop()).toBe(0);
  looking.kill("SIGINT");
}, 60_000);
