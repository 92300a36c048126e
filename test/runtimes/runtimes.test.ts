import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { type EmbeddedServer, serve } from "@imprest/embedded/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSuite, readVectors } from "./build.ts";
import type { World } from "./check.ts";
import { runtimes } from "./run.ts";
import { type Verdict, checks } from "./suite.ts";

// What this toolkit promises must hold everywhere: one suite over the built packages, on each runtime.

// Below this folder, where a runtime that resolves packages itself finds them.
const out = join(import.meta.dirname, ".out");
let folder: string;
let server: EmbeddedServer;
let world: World;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  folder = mkdtempSync(join(out, "suite-"));
  const embedded = createEmbeddedAuthority();
  await embedded.createBudget({ scope: { tenant: "acme" }, allocated: usd("1000") });
  const { key } = await embedded.createApiKey({ tenant: "acme" });
  server = await serve(embedded, { port: 0 });
  world = { vectors: readVectors(), cycles: { url: server.url, key } };
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(runtimes)("$name", ({ name, entry, isInstalled, run }) => {
  // CI brings every runtime; elsewhere a missing browser is no failure.
  const isSkipped = !isInstalled && process.env["CI"] === undefined;

  it.skipIf(isSkipped).each([
    ["WebCrypto", true],
    ["the fallback", false],
  ])("asp 6 25: gives the one verdict with %s", async (_backend, withEd25519) => {
    const outfile = join(folder, `${name.replaceAll(" ", "-")}-${withEd25519}.mjs`);
    await buildSuite({ suite: "suite", entry, outfile, define: { world }, withEd25519 });
    const verdict = verdictIn(await run(outfile));
    expect(verdict.failed).toEqual([]);
    expect(verdict.speccheck).toBe("000100000000");
    expect(verdict.jcs).toBe("111111");
    expect(verdict.evidence).toBe(Array(13).fill("binding_only").join(" "));
    expect(verdict.passed).toEqual(Object.keys(checks));
  });
});

function verdictIn(printed: string): Verdict {
  const line = printed.split("\n").find((candidate) => candidate.includes('{"speccheck"'));
  if (line === undefined) throw new Error(`no verdict in: ${printed}`);
  return JSON.parse(line.slice(line.indexOf('{"speccheck"'), line.lastIndexOf("}") + 1)) as Verdict;
}
