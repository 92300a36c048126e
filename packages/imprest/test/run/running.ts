import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { type Amount, parseAmount } from "@imprest/core";
import { type ModelProvider, type ModelProviderOptions, createModelProvider } from "@imprest/testing/models";
import { serveModels } from "@imprest/testing/models/node";

const bin = resolve(import.meta.dirname, "../../bin/imprest.js");

/** Dollars for a million tokens: the provider charges them, and `prices.json` says them. */
export const prices = {
  "gpt-5": { input: "1.25", cachedInput: "0.125", output: "10.00", maxInputTokens: 400_000, maxOutputTokens: 32_000 },
  "claude-sonnet-5": { input: "3.00", cachedInput: "0.30", cacheWrite: "3.75", output: "15.00" },
  "gemini-3-pro": { input: "1.25", cachedInput: "0.125", output: "10.00", maxOutputTokens: 32_000 },
};

/** The keys that no program may see, and that must be found nowhere but at their provider. */
export const realKeys = {
  OPENAI_API_KEY: "sk-real-openai",
  ANTHROPIC_API_KEY: "sk-real-anthropic",
  GEMINI_API_KEY: "sk-real-gemini",
};

const ask = `
const ask = (tokens = 100, more = {}, init = {}) => fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
  method: "POST",
  headers: { "content-type": "application/json", authorization: "Bearer " + process.env.OPENAI_API_KEY },
  body: JSON.stringify({ model: "gpt-5", max_completion_tokens: tokens, messages: [{ role: "user", content: "Hi" }], ...more }),
  ...init,
});
`;

/** What `imprest run` came to. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** `imprest run` as a process. */
export interface Running {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
  /** Resolves once the outputs say it. @throws Error where the process ends before. */
  printed(what: RegExp): Promise<RegExpExecArray>;
}

export interface RunSettings {
  /** Behind `imprest run`; `--budget` and `--prices` are given unless named here. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** A stand-in provider on a port, and `imprest run` before it. */
export interface Workbench extends AsyncDisposable {
  readonly provider: ModelProvider;
  readonly url: string;
  /** Where prices, stores and gauges are; removed at the end. */
  readonly folder: string;
  run(command: readonly string[], settings?: RunSettings): Running;
  /** A program of Node that is written here; `ask(n)` sends a chat of at most `n` tokens as any client would. */
  program(source: string): readonly string[];
  /** What the gauge said last. */
  gauge(): Readonly<Record<"limit" | "spent" | "reserved" | "remaining", Amount>>;
}

export async function openWorkbench(options: Omit<ModelProviderOptions, "prices"> = {}): Promise<Workbench> {
  const provider = createModelProvider({ prices, ...options });
  const server = await serveModels(provider);
  const folder = mkdtempSync(join(tmpdir(), "imprest-run-"));
  writeFileSync(join(folder, "prices.json"), JSON.stringify(prices));
  const started = new Set<Running>();
  const gaugeFile = join(folder, "gauge.json");
  return {
    provider,
    url: server.url,
    folder,
    run(command, { flags = [], environment = {}, cwd = folder } = {}) {
      const given = (name: string, value: string): string[] => (flags.includes(name) ? [] : [name, value]);
      const isServed = flags.includes("--server");
      const own = [...given("--prices", join(folder, "prices.json")), ...given("--gauge", gaugeFile)];
      const args = ["run", ...(isServed ? [] : given("--budget", "USD:1.00")), ...own, ...flags, "--", ...command];
      const env = {
        PATH: process.env["PATH"],
        HOME: folder,
        OPENAI_BASE_URL: `${server.url}/v1`,
        ANTHROPIC_BASE_URL: server.url,
        GOOGLE_GEMINI_BASE_URL: server.url,
        ...realKeys,
        ...environment,
      };
      const running = start(args, env, cwd);
      started.add(running);
      void running.ended.then(() => started.delete(running));
      return running;
    },
    program(source) {
      const file = join(folder, `program-${crypto.randomUUID()}.mjs`);
      writeFileSync(file, ask + source);
      return [process.execPath, file];
    },
    gauge() {
      const said = JSON.parse(readFileSync(gaugeFile, "utf8")) as Record<string, string>;
      const [limit, spent, reserved, remaining] = ["limit", "spent", "reserved", "remaining"].map((name) =>
        parseAmount(said[name] ?? ""),
      ) as [Amount, Amount, Amount, Amount];
      return { limit, spent, reserved, remaining };
    },
    async [Symbol.asyncDispose]() {
      for (const { process } of started) process.kill("SIGKILL");
      await server.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Running {
  const command = ["--conditions=@imprest/source", bin, ...args];
  const child = spawn(process.execPath, command, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  const waiting = new Set<() => void>();
  const heard = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    heard();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
    heard();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, out, err }));
  });
  return {
    process: child,
    ended,
    printed: (what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = what.exec(out + err);
          if (found === null) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without ${what}:\n${out}${err}`)));
      }),
  };
}
