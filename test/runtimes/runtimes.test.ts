import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleSuite } from "./bundle.ts";
import { runtimes } from "./run.ts";
import type { Verdict } from "./suite.ts";

// Whatever signs, parses or hashes must judge alike everywhere: one suite, bundled, on each runtime.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "imprest-runtimes-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.each(runtimes)("$name", ({ name, entry, isInstalled, run }) => {
  // CI brings every runtime; elsewhere a missing browser is no failure.
  const isSkipped = !isInstalled && process.env["CI"] === undefined;

  it.skipIf(isSkipped).each([
    ["WebCrypto", true],
    ["the fallback", false],
  ])("asp 6 25: gives the one verdict with %s", async (_backend, withEd25519) => {
    const bundle = join(folder, `${entry}-${name.replace(" ", "-")}-${withEd25519}.mjs`);
    await bundleSuite(entry, withEd25519, bundle);
    const verdict = verdictIn(await run(bundle));
    expect(verdict.failed).toEqual([]);
    expect(verdict.speccheck).toBe("000100000000");
    expect(verdict.jcs).toBe("111111");
    expect(verdict.evidence).toBe(Array(13).fill("binding_only").join(" "));
    expect(verdict.passed).toHaveLength(8);
  });
});

function verdictIn(printed: string): Verdict {
  const line = printed.split("\n").find((candidate) => candidate.includes('{"speccheck"'));
  if (line === undefined) throw new Error(`no verdict in: ${printed}`);
  return JSON.parse(line.slice(line.indexOf('{"speccheck"'), line.lastIndexOf("}") + 1)) as Verdict;
}
