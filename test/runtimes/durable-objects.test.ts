import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { formatAmount } from "@imprest/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSuite } from "./build.ts";
import { installed, output } from "./run.ts";

// A budget in a Durable Object, on workerd with its own storage on this machine's disk.

const out = join(import.meta.dirname, ".out");
let folder: string;
let bundle: string;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  folder = mkdtempSync(join(out, "ledger-"));
  bundle = join(folder, "ledger.mjs");
  await buildSuite({ suite: "ledger", entry: "workerd", outfile: bundle, define: {} });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the Worker in a process of its own, over the storage in `disk`. */
async function run(disk: string, enableSql = true): Promise<unknown> {
  mkdirSync(join(folder, disk), { recursive: true });
  const file = join(folder, "ledger.capnp");
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "disk", disk = (path = ${JSON.stringify(join(folder, disk))}, writable = true)),
  (name = "main", worker = (
    modules = [(name = "ledger.js", esModule = embed "${basename(bundle)}")],
    compatibilityDate = "2026-11-01",
    durableObjectNamespaces = [(className = "TeamBudget", uniqueKey = "budgets", enableSql = ${String(enableSql)})],
    durableObjectStorage = (localDisk = "disk"),
    bindings = [(name = "budgets", durableObjectNamespace = "TeamBudget")],
  )),
]);
`,
  );
  const printed = await output(installed("workerd"), ["test", file]);
  const line = printed.split("\n").find((one) => one.includes('{"spent"')) ?? "";
  return JSON.parse(line.slice(line.indexOf("{"), line.lastIndexOf("}") + 1));
}

/** There are 60,000 microcents at the start; a call has 30 tokens at a dollar a million. */
const left = (calls: number): string =>
  formatAmount({ unit: "USD_MICROCENTS", amount: 60_000n - 3_000n * BigInt(calls) });

describe("a budget in a Durable Object", () => {
  it("is one for all Workers that ask the object, and outlives its process", async () => {
    const first = (await run("kept")) as { spent: number; denied: number; left: string };
    expect(first.spent + first.denied).toBe(60);
    expect(first.spent).toBeGreaterThan(0);
    expect(first.denied).toBeGreaterThan(0);
    expect(first.left).toBe(left(first.spent));

    const second = (await run("kept")) as typeof first;
    expect(second.left).toBe(left(first.spent + second.spent));
    expect(first.spent + second.spent).toBeLessThanOrEqual(20);
  });

  it("is refused where the class keeps its storage without SQLite", async () => {
    await expect(run("without", false)).rejects.toThrow("new_sqlite_classes");
  });
});
