import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const file = "examples/arcp-runtime/main.ts";

describe("docs/arcp-runtime.md", () => {
  it("shows the snippet that the example runs, to the letter", () => {
    const region = /\/\/ #region runtime\n([\s\S]*?)\/\/ #endregion/.exec(readFileSync(join(root, file), "utf8"))?.[1];
    expect(readFileSync(join(root, "docs/arcp-runtime.md"), "utf8")).toContain(`\`\`\`ts\n${region}\`\`\``);
  });

  it("the snippet spends from the lease, and is refused what the lease does not cover", async () => {
    const run = promisify(execFile)(process.execPath, ["--conditions=@imprest/source", file], { cwd: root });
    const { stdout } = await run;
    expect(stdout).toContain("answers: [ 'HELLO', 'GOODBYE' ], left: '0.975'");
    expect(stdout).toContain("PERMISSION_DENIED");
  });
});
