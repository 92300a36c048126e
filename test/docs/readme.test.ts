import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

function region(file: string, name: string): string {
  const text = readFileSync(join(root, file), "utf8");
  return new RegExp(`// #region ${name}\\n([\\s\\S]*?)// #endregion`).exec(text)?.[1] ?? "no such region";
}

const example = (file: string, env: NodeJS.ProcessEnv = {}) =>
  run(process.execPath, ["--conditions=@imprest/source", file], { cwd: root, env: { ...process.env, ...env } });

describe("README", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");

  it("begins with a loop that a budget ends, and whose books are the provider's bill", async () => {
    const args = [
      "--conditions=@imprest/source",
      "--import",
      "./examples/readme/stand-in.ts",
      "examples/readme/budget.ts",
    ];
    const { stdout } = await run(process.execPath, args, {
      cwd: root,
      env: { ...process.env, OPENAI_API_KEY: "none" },
    });
    const [, spent] = /^spent (\$[\d.]+)$/m.exec(stdout) ?? [];
    expect(spent).toBeDefined();
    expect(stdout).toContain(`The provider's own bill: ${spent}\n`);
  });

  it("shows the snippet that the example runs, to the letter", () => {
    expect(readme).toContain(region("examples/readme/stream.ts", "stream"));
  });

  it("the snippet streams an answer and ends with what it cost", async () => {
    const { stdout } = await example("examples/readme/stream.ts");
    expect(stdout).toContain("A reservation holds budget");
    expect(stdout).toMatch(/\{ unit: 'USD_MICROCENTS', amount: \d+n \}/);
  });

  it("the demo stops the agent in time and its ledger adds up", async () => {
    const { stdout } = await example("examples/demo/main.ts");
    expect(stdout).toContain("BUDGET_EXCEEDED");
    expect(stdout).toContain("It adds up to the microcent.");
    expect(stdout).toMatch(/demo-small +(whole|stream)\*/);
  });

  it("the demo asks no provider that nobody named: a key alone, or empty variables, leave it on this machine", async () => {
    for (const env of [{ OPENAI_API_KEY: "sk-not-for-this" }, { OPENAI_API_KEY: "", OPENAI_BASE_URL: " " }]) {
      const { stdout } = await example("examples/demo/main.ts", { OPENAI_BASE_URL: "", ...env });
      expect(stdout).toMatch(/demo-large +whole/);
    }
  });

  it("shows a picture of the demo that the demo still prints", async () => {
    expect(readme).toContain("(docs/images/demo.svg)");
    await run(process.execPath, ["tools/picture.mjs", "--check"], { cwd: root });
  });

  it("compares by nothing that was not measured", () => {
    const page = (file: string): string => readFileSync(join(root, "docs", file), "utf8");
    const kilobytes = Array.from(page("sizes.md").matchAll(/([\d,]+) \|$/gm), ([, bytes = ""]) =>
      (Number(bytes.replaceAll(",", "")) / 1000).toFixed(),
    );
    const [theirTable = ""] = page("comparison.md")
      .split("\n## ")
      .filter((section) => section.startsWith("Theirs"));
    const rows = readme.match(/^\| (?:Cycles|ARCP): .*$/gm) ?? [];
    expect(rows.length).toBeGreaterThan(5);
    for (const [, , theirs = "", ours = ""] of rows.map((row) => row.split("|"))) {
      expect((theirs.match(/\d+\.\d+/g) ?? []).filter((figure) => !theirTable.includes(figure))).toEqual([]);
      // Our speeds are written by `pnpm bench`, and held by benchmarks.test.ts.
      expect((ours.match(/\d+(?= kB)/g) ?? []).filter((figure) => !kilobytes.includes(figure))).toEqual([]);
    }
  });
});
