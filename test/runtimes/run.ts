import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import type { Entry } from "./build.ts";

/** How one runtime runs a bundle. */
export interface Runtime {
  readonly name: string;
  readonly entry: Entry;
  /** What the bundle printed. */
  readonly run: (bundle: string) => Promise<string>;
}

export const installed = (name: string): string => join(import.meta.dirname, "node_modules/.bin", name);

const nodeOf = (alias: string): string => join(import.meta.dirname, `node_modules/${alias}/bin/node`);

export const runtimes: readonly Runtime[] = [
  onConsole("node 22", nodeOf("node-22"), []),
  onConsole("node 24", process.execPath, []),
  onConsole("node 26", nodeOf("node-26"), []),
  onConsole("deno", installed("deno"), ["run", "--no-prompt", "--node-modules-dir=manual", "--allow-all"]),
  onConsole("bun", installed("bun"), ["run"]),
  onWorkerd("workerd", []),
  onWorkerd("workerd with nodejs_compat", ["nodejs_compat"]),
];

function onConsole(name: string, program: string, args: readonly string[]): Runtime {
  const run = (bundle: string): Promise<string> => output(program, [...args, bundle]);
  return { name, entry: "console", run };
}

/** A Worker that may reach this machine and nothing else. */
function onWorkerd(name: string, flags: readonly string[]): Runtime {
  const run = async (bundle: string): Promise<string> => {
    const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "loopback", network = (allow = ["local"])),
  (name = "main", worker = (
    modules = [(name = "suite.js", esModule = embed "${basename(bundle)}")],
    compatibilityDate = "2026-11-01",
    compatibilityFlags = ${JSON.stringify(flags)},
    globalOutbound = "loopback",
  )),
]);
`;
    const file = `${bundle}.capnp`;
    writeFileSync(file, config);
    return output(installed("workerd"), ["test", file]);
  };
  return { name, entry: "workerd", run };
}

/** What a process printed, once it has ended by itself: what keeps it alive after its verdict is a failure. */
export async function output(program: string, args: readonly string[]): Promise<string> {
  // A group of its own: a runtime may stand behind a launcher, and only as a group do both end.
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  let limit: NodeJS.Timeout | undefined;
  let isKilled = false;
  const killAfter = (limitMs: number): void => {
    clearTimeout(limit);
    limit = setTimeout(() => {
      isKilled = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, limitMs);
  };
  killAfter(45_000);
  child.stdout.once("data", () => killAfter(10_000));
  try {
    const [code] = (await once(child, "close")) as [number | null];
    const all = (await printed).join("");
    if (isKilled) throw new Error(`${program} did not end by itself; it printed: ${all}`);
    if (code !== 0) throw new Error(`${program} ended with ${code}: ${all}`);
    return all;
  } finally {
    clearTimeout(limit);
  }
}
