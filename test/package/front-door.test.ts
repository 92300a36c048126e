import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { builtPackages, packAll } from "./support/pack.ts";

// What a stranger does: an empty folder, the packed packages and a real SDK from the registry, the README's first block as it
// stands. A provider that stands in answers, because this test has no key.

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const sdk = "openai@7.55.0";

const folder = mkdtempSync(join(tmpdir(), "imprest-front-door-"));
/** Without what an npm that runs this test says of itself: `npx` would take its package and its command for its own. */
const shell = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
const npx = (...args: readonly string[]) =>
  run("npx", ["--no-install", "imprest", ...args], { cwd: folder, env: shell });

beforeAll(async () => {
  const tarballs = await packAll(builtPackages(), join(folder, "tarballs"));
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, block = ""] =
    /<!-- region examples\/readme\/budget\.ts#budget -->\n\n```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  writeFileSync(join(folder, "budget.js"), block);
  for (const file of ["prices.json", "stand-in.ts"])
    copyFileSync(join(root, "examples/readme", file), join(folder, file));
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...quiet, sdk, ...tarballs.values()], { cwd: folder });
});

describe("in an empty folder", () => {
  it("the README's first block stops a real SDK's loop", async () => {
    const env = { ...process.env, OPENAI_API_KEY: "none" };
    const { stdout } = await run(process.execPath, ["--import", "./stand-in.ts", "budget.js"], { cwd: folder, env });
    const [refusal, spent, bill] = stdout.trim().split("\n");
    expect(refusal).toContain("Nothing was started.");
    expect(spent).toMatch(/^spent \$0\.0[34]\d*$/);
    expect(bill).toBe(`The provider's own bill: ${spent?.replace("spent ", "")}`);
  });

  it("the blocks of the start page, one after the other, spend what the stand-in bills", async () => {
    const page = readFileSync(join(root, "docs/start.md"), "utf8");
    const blocks = Array.from(
      page.matchAll(/<!-- region examples\/readme\/start\.ts#\w+ -->\n\n```ts\n([\s\S]*?)```/g),
    );
    writeFileSync(join(folder, "start.ts"), blocks.map(([, code]) => code).join("\n"));
    const { stdout } = await run(process.execPath, ["start.ts"], { cwd: folder });
    expect(blocks.length).toBeGreaterThan(3);
    const [, spent] = /^spent (\$[\d.]+) of \$0\.05 and/m.exec(stdout) ?? [];
    expect(stdout).toContain(`The provider's own bill: ${spent}\n`);
  });

  it("npx imprest demo shows an agent that a budget stops", async () => {
    const { stdout } = await npx("demo");
    expect(stdout).toContain("BUDGET_EXCEEDED");
    expect(stdout).toContain("It adds up to the microcent.");
    expect((await npx("demo", "--help")).stdout).toContain("Usage: imprest demo");
  });
});
