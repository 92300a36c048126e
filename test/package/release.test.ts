import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";

// A release, rehearsed in a clone: what is committed is what would be published.

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "imprest-release-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("changesets give all packages one version, and each would be published after what it depends on", async () => {
  const clone = join(folder, "clone");
  await run("git", ["clone", "--quiet", root, clone]);
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  await run(process.execPath, [join(root, "node_modules/@changesets/cli/bin.js"), "version"], { cwd: clone });
  expect(readdirSync(join(clone, ".changeset")).filter((file) => file.endsWith(".md") && file !== "README.md")).toEqual(
    [],
  );
  const manifests = readdirSync(join(clone, "packages")).map(
    (name) =>
      JSON.parse(readFileSync(join(clone, "packages", name, "package.json"), "utf8")) as {
        readonly name: string;
        readonly version: string;
        readonly dependencies?: Readonly<Record<string, string>>;
      },
  );
  expect(new Set(manifests.map(({ version }) => version)).size).toBe(1);
  const dryRun = ["publish", "-r", "--dry-run", "--no-git-checks", "--access", "public"];
  const { stdout, stderr } = await run("pnpm", dryRun, { cwd: clone });
  const order = Array.from(`${stdout}${stderr}`.matchAll(/(@imprest\/[\w-]+)@\d[^ ]* →/g), ([, name = ""]) => name);
  expect(order.toSorted()).toEqual(manifests.map(({ name }) => name).toSorted());
  for (const { name, dependencies = {} } of manifests) {
    for (const dependency of Object.keys(dependencies).filter((candidate) => candidate.startsWith("@imprest/"))) {
      expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(name));
    }
  }
});
