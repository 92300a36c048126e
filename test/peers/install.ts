import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Runs once before the tests: the SDKs of versions.json, installed into a folder of this machine that is kept between runs, so
// that the lock file of the repository knows nothing of them.

const here = import.meta.dirname;

/** Which versions of the SDKs: the newest, or the lowest that are supported (`pnpm test:peers --lowest`). */
export const versions = process.env["PEERS_VERSIONS"] === "lowest" ? "lowest" : "newest";

const all = JSON.parse(readFileSync(join(here, "versions.json"), "utf8")) as Record<typeof versions, object>;
const sdks = { dependencies: all[versions] };
const folder = folderOf(sdks);

/** What is installed: dependencies, and what stands in for one of theirs. */
interface Packages {
  readonly dependencies: object;
  readonly overrides?: object;
}

function folderOf(packages: Packages): string {
  const digest = createHash("sha256").update(JSON.stringify(packages.overrides ? packages : packages.dependencies));
  return join(tmpdir(), `imprest-peers-${digest.digest("hex").slice(0, 12)}`);
}

/** Installs packages once on this machine. @returns their folder. */
export function installed(packages: Packages): string {
  const into = folderOf(packages);
  const mark = join(into, "installed");
  if (existsSync(mark)) return into;
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  writeFileSync(join(into, "package.json"), JSON.stringify({ private: true, type: "module", ...packages }));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--loglevel=error"];
  execFileSync("npm", ["install", ...flags], { cwd: into, stdio: "inherit" });
  writeFileSync(mark, "");
  return into;
}

/** The files of `sdks/` among the installed packages, so that Node itself loads them, by the packages' own conditions. */
export function modulesFolder(): string {
  return join(folder, "node_modules", "sdks");
}

export function setup(): void {
  installed(sdks);
  rmSync(modulesFolder(), { recursive: true, force: true });
  mkdirSync(modulesFolder(), { recursive: true });
  for (const file of readdirSync(join(here, "sdks")))
    copyFileSync(join(here, "sdks", file), join(modulesFolder(), file));
}
