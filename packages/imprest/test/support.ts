import { run } from "../src/cli/run.ts";
import type { Terminal } from "../src/cli/terminal.ts";

export interface Ran {
  /** Files that the command made, by path. */
  readonly made: Readonly<Record<string, string>>;
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface FakeOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string | AsyncIterable<Uint8Array>>>;
  readonly interactive?: boolean;
  readonly interactiveOutput?: boolean;
  /** Is given what goes to standard output, as it comes. */
  readonly output?: (data: string | Uint8Array) => void;
  /** Is given what goes to standard error, as it comes. */
  readonly warned?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** 1 by default. */
  readonly threads?: number;
}

/** Runs a command against a terminal in memory. */
export async function imprest(args: readonly string[], options: FakeOptions = {}): Promise<Ran> {
  const { terminal, written } = fakeTerminal(options);
  const code = await run(args, terminal);
  return { code, ...written() };
}

/** A terminal in memory, and what was written to it. */
export function fakeTerminal(options: FakeOptions = {}): {
  readonly terminal: Terminal;
  readonly written: () => Omit<Ran, "code">;
} {
  let out = "";
  let err = "";
  const made: Record<string, string> = {};
  const { environment = {}, files = {}, interactive = false, signal = new AbortController().signal } = options;
  const decoder = new TextDecoder();
  const terminal: Terminal = {
    async write(data) {
      options.output?.(data);
      out += typeof data === "string" ? data : decoder.decode(data, { stream: true });
    },
    warn(text) {
      err += text;
      options.warned?.(text);
    },
    interactive,
    interactiveOutput: options.interactiveOutput ?? false,
    environment,
    threads: options.threads ?? 1,
    signal,
    create(path) {
      made[path] = "";
      return { write: async (text) => void (made[path] += text), close: async () => {} };
    },
    open(path) {
      const file = files[path];
      if (file === undefined) return failing(path);
      return typeof file === "string" ? inChunks(file) : file;
    },
  };
  return { terminal, written: () => ({ out, err, made }) };
}

/** Bytes in chunks that end anywhere but at a line's end. */
async function* inChunks(text: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
}

function failing(path: string): AsyncIterable<Uint8Array> {
  const error = Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: "ENOENT" });
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}
