import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSuite, readVectors } from "./build.ts";
import type { World } from "./check.ts";
import { runtimes } from "./run.ts";
import { type CyclesServer, serveCycles } from "./servers.ts";
import { type Verdict, expectedVerdict } from "./suite.ts";

// What this toolkit promises must hold everywhere: one suite over the built packages, on each runtime.

// Below this folder, where a runtime that resolves packages itself finds them.
const out = join(import.meta.dirname, ".out");
let folder: string;
let server: CyclesServer;
let world: World;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  folder = mkdtempSync(join(out, "suite-"));
  server = await serveCycles();
  world = { vectors: readVectors(), cycles: server.cycles };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(runtimes)("$name", ({ name, entry, run }) => {
  it.each([
    ["WebCrypto", true],
    ["the fallback", false],
  ])("gives the one verdict with %s", async (_backend, withEd25519) => {
    const outfile = join(folder, `${name.replaceAll(" ", "-")}-${withEd25519}.mjs`);
    await buildSuite({ suite: "suite", entry, outfile, define: { world }, withEd25519 });
    expect(verdictIn(await run(outfile))).toEqual(expectedVerdict);
  });
});

function verdictIn(printed: string): Verdict {
  const line = printed.split("\n").find((candidate) => candidate.includes('{"speccheck"'));
  if (line === undefined) throw new Error(`no verdict in: ${printed}`);
  return JSON.parse(line.slice(line.indexOf('{"speccheck"'), line.lastIndexOf("}") + 1)) as Verdict;
}
