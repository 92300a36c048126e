import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Entry } from "./build.ts";

/** How one runtime runs a bundle. */
export interface Runtime {
  readonly name: string;
  readonly entry: Entry;
  /** What the bundle printed. */
  readonly run: (bundle: string) => Promise<string>;
}

const installed = (name: string): string => join(import.meta.dirname, "node_modules/.bin", name);

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

/** What a process printed, once it has ended by itself: whatever keeps it alive longer is a failure. */
function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: 50_000, killSignal: "SIGKILL" } as const;
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...limits });
    let printed = "";
    const append = (chunk: Buffer): void => {
      printed += chunk.toString();
    };
    child.stdout.on("data", append);
    child.stderr.on("data", append);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${program} ended with ${code ?? signal}: ${printed}`));
    });
  });
}
