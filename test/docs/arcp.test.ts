import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import * as core from "@imprest/core";
import * as arcp from "@imprest/arcp";
import { expect, describe, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/arcp.md"), "utf8");

describe("docs/arcp.md", () => {
  it("what it shows runs to its end against a runtime, and comes out as it says", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@imprest/source", "examples/arcp-client/main.ts"],
      { cwd: root, timeout: 30_000 },
    );
    expect(stdout).toContain("3 of 3 sources\nleft: USD 0.94\nwhat is known about imprest funds\n");
    expect(stdout).toContain("A report in two parts.\n");
    expect(stdout).toContain("what is known about petty cash { USD: '0.06' } { USD: '0.94' }");
  });

  it("promises no error, no option and no call that is not there", () => {
    const errors = page.match(/\b[A-Z]\w+Error\b/g) ?? [];
    expect(new Set(errors).size).toBeGreaterThan(8);
    expect(errors.filter((name) => !(name in arcp) && !(name in core))).toEqual([]);
    const options = readFileSync(join(root, "packages/arcp/src/session/options.ts"), "utf8");
    const named = page.match(/(?<=`)\w+(?:Ms|Size|Events)(?=`)/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !options.includes(`readonly ${name}?:`))).toEqual([]);
    const session = readFileSync(join(root, "packages/arcp/src/session/session.ts"), "utf8");
    const calls = Array.from(page.matchAll(/`session\.(\w+)\(/g), ([, name = ""]) => name);
    expect(calls.length).toBeGreaterThan(3);
    expect(calls.filter((name) => !new RegExp(`^  (?:async )?\\*?${name}[(<]`, "m").test(session))).toEqual([]);
  });
});
