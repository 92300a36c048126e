import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether this machine has a Python that can make environments; CI has one. */
export const hasPython = spawnSync("python3", ["-c", "import venv, ensurepip"]).status === 0;

/** Installs packages of PyPI once on this machine. @returns the folder of the environment's programs. */
export function pythonWith(requirements: readonly string[]): string {
  const digest = createHash("sha256").update(requirements.join("\n")).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `imprest-peers-python-${digest}`);
  const programs = join(folder, "bin");
  const mark = join(folder, "installed");
  if (existsSync(mark)) return programs;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync("python3", ["-m", "venv", folder]);
  const flags = ["--quiet", "--disable-pip-version-check"];
  execFileSync(join(programs, "python"), ["-m", "pip", "install", ...flags, ...requirements], { stdio: "inherit" });
  writeFileSync(mark, "");
  return programs;
}
