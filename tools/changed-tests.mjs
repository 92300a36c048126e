// Runs the unit tests nearest to what changed: those that changed, those in the folder that mirrors a changed source, and
// the architecture's. What imports a change from further away is `pnpm check`'s: through the entries of the packages, a
// change of core's amounts reaches 167 test files, and takes as long as all of them.
// usage: node tools/changed-tests.mjs [revision]: what changed since the revision, uncommitted and new files included
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const revision = process.argv[2] ?? "HEAD";
const listed = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\n").filter(Boolean);
const changed = [
  ...listed("diff", "--name-only", "--relative", "--diff-filter=d", revision, "--"),
  ...listed("ls-files", "--others", "--exclude-standard"),
];

/** The tests directly in a folder. */
function testsIn(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name));
}

/** The tests that a changed file is nearest to: `src/a/b.ts` is mirrored by `test/a/`, and where none is there, by `test/`. */
function nearestTests(file) {
  if (file.endsWith(".test.ts")) return [file];
  const [, home, path] = /^(packages\/.+?)\/(?:src|test)\/(.+\.ts)$/.exec(file) ?? [];
  if (path === undefined) return [];
  for (let room = dirname(path); ; room = dirname(room)) {
    const tests = testsIn(join(home, "test", room));
    if (tests.length > 0 || room === ".") return tests;
  }
}

const tests = [...new Set(changed.flatMap(nearestTests)), ...testsIn("test/architecture")];
const { status } = spawnSync("vitest", ["run", "--project", "unit", ...new Set(tests)], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32",
});
process.exit(status ?? 1);
