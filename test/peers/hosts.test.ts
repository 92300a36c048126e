import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { modulesFolder, versions } from "./install.ts";

// The programs of pages whose host is too large for the lock file, run by Node among the SDKs that the peers' tests install.

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const programs = join(import.meta.dirname, "hosts");

describe.runIf(versions === "newest")("the pages of hosts", () => {
  it.each(readdirSync(programs))("%s runs, and what it asserts holds", async (file) => {
    const modules = dirname(modulesFolder());
    const folder = join(modules, "host-pages");
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(modules, "@imprest"), { recursive: true });
    for (const [name, path] of [
      ["imprest", "packages/imprest"],
      ["@imprest/testing", "packages/testing"],
    ] as const) {
      rmSync(join(modules, name), { recursive: true, force: true });
      symlinkSync(join(root, path), join(modules, name));
    }
    copyFileSync(join(programs, file), join(folder, file));
    const { stdout } = await run(process.execPath, ["--conditions=@imprest/source", join(folder, file)]);
    expect(stdout).toContain("BUDGET_EXCEEDED");
  });
});
