import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

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
