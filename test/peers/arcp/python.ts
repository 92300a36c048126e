import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** The version of `agentruntimecontrolprotocol` that is played. */
export const libraryVersion = "1.1.3";

const folder = join(tmpdir(), `imprest-peers-arcp-python-${libraryVersion}`);

/** Why the library cannot be played on this machine; `undefined` when it can. */
export const unplayable: string | undefined = prepare();

/** A file of the environment that the library is installed in. */
export function inEnvironment(name: string): string {
  return join(folder, "bin", name);
}

/** Starts a script beside this file. */
export function startScript(name: string, args: readonly string[] = []): ChildProcessByStdio<null, Readable, null> {
  const script = join(import.meta.dirname, name);
  return spawn(inEnvironment("python"), [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Installs the library into a folder of this machine that is kept between runs. */
function prepare(): string | undefined {
  const mark = join(folder, "installed");
  if (existsSync(mark)) return undefined;
  try {
    const asked = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    execFileSync("python3", ["-c", asked], { stdio: "ignore" });
  } catch {
    return "python3 of 3.11 or newer, with venv, is not on this machine";
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync("python3", ["-m", "venv", folder]);
  const wanted = `agentruntimecontrolprotocol==${libraryVersion}`;
  const flags = ["--quiet", "--disable-pip-version-check"];
  execFileSync(inEnvironment("python"), ["-m", "pip", "install", ...flags, wanted], { stdio: "inherit" });
  writeFileSync(mark, "");
  return undefined;
}
