import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const file = "examples/evidence/verify.ts";

describe("docs/audit.md", () => {
  it("shows the snippet that the example runs, to the letter", () => {
    const region = /\/\/ #region verify\n([\s\S]*?)\/\/ #endregion/.exec(readFileSync(join(root, file), "utf8"))?.[1];
    expect(readFileSync(join(root, "docs/audit.md"), "utf8")).toContain(`\`\`\`ts\n${region}\`\`\``);
  });

  const example = (...args: string[]) =>
    promisify(execFile)(process.execPath, ["--conditions=@imprest/source", file, ...args], { cwd: root });

  it("the snippet accepts the evidence, and finds an altered amount", async () => {
    expect((await example()).stdout).toBe("charged 1750000n\n");
    expect((await example("--altered")).stdout).toMatch(/^signature_invalid [\s\S]*evidence_id_mismatch/);
  });
});
