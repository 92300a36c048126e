import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { createDeferred } from "@imprest/core";
import type { Entry } from "./build.ts";

/** How one runtime runs a bundle. */
export interface Runtime {
  readonly name: string;
  readonly entry: Entry;
  /** False where the runtime is not on this machine. */
  readonly isInstalled: boolean;
  /** What the bundle printed or, in a browser, sent back. */
  readonly run: (bundle: string) => Promise<string>;
}

const chromium = "/usr/bin/chromium-headless-shell";
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
  { name: "chromium", entry: "browser", isInstalled: existsSync(chromium), run: runChromium },
];

function onConsole(name: string, program: string, args: readonly string[]): Runtime {
  const run = (bundle: string): Promise<string> => output(program, [...args, bundle]);
  return { name, entry: "console", isInstalled: existsSync(program), run };
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
  return { name, entry: "workerd", isInstalled: existsSync(installed("workerd")), run };
}

/** Serves one page with the bundle on loopback, and waits for what the page sends back. */
async function runChromium(bundle: string): Promise<string> {
  const { promise: verdict, resolve, reject } = createDeferred<string>();
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      text(request).then(resolve, reject);
      response.end();
    } else if (request.url === "/suite.js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(bundle));
    } else {
      response.writeHead(200, { "content-type": "text/html" }).end('<script type="module" src="/suite.js"></script>');
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const args = [...browserFlags, `--user-data-dir=${bundle}.profile`, `http://127.0.0.1:${port}/`];
  // A group of its own: only as one do all of its processes end.
  const browser = spawn(chromium, args, { stdio: "ignore", detached: true });
  browser.once("error", reject);
  browser.once("exit", (code) => reject(new Error(`the browser ended with code ${code} and no verdict`)));
  try {
    return await verdict;
  } finally {
    if (browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
    server.close();
    server.closeAllConnections();
  }
}

/**
 * Without the background flags Chromium looks for its maker's hosts at every start; without web security the page may ask
 * the authority on another port, which in production is a proxy of the page's own origin.
 */
const browserFlags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-web-security",
  "--remote-debugging-port=0",
];

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
