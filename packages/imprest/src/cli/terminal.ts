import { createReadStream, createWriteStream } from "node:fs";
import { availableParallelism, constants } from "node:os";
import { finished } from "node:stream/promises";
import { ExitCode } from "./exit-code.ts";

/** What a command sees of the world, injected so that tests can be one. */
export interface Terminal {
  /** Writes to standard output; resolves when the reader has room for more. */
  write(data: string | Uint8Array): Promise<void>;
  /** Writes to standard error. */
  warn(text: string): void;
  /** True when standard error is a terminal that a progress line may be drawn on. */
  readonly interactive: boolean;
  /** True when standard output is a terminal too, so that both are drawn on one screen. */
  readonly interactiveOutput: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How many threads a command may keep busy; 1: its own alone. */
  readonly threads: number;
  /** The bytes of a file, or of standard input for `-`. */
  open(path: string): AsyncIterable<Uint8Array>;
  /** A new file; an existing one is replaced. Its writes resolve when there is room for more. */
  create(path: string): Output;
  /** Aborts when the user asks to stop (SIGINT, SIGTERM) or the reader of standard output is gone. */
  readonly signal: AbortSignal;
}

/** Why a command was stopped, with the exit code that shells give for that signal. */
export class Stopped extends Error {
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM" | "SIGPIPE") {
    super(`stopped by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** A file being written. */
export interface Output {
  write(text: string): Promise<void>;
  /** Resolves when everything is in the file. @throws what kept it from being written. */
  close(): Promise<void>;
}

/** The process's own terminal. */
export function systemTerminal(): Terminal {
  const stopping = new AbortController();
  const stopOn = (signal: "SIGINT" | "SIGTERM" | "SIGPIPE"): void => stopping.abort(new Stopped(signal));
  process.once("SIGINT", stopOn);
  process.once("SIGTERM", stopOn);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // A closed pipe (`imprest evidence … | head`) is the reader's way to say that it has seen enough.
    if (error.code === "EPIPE") return stopOn("SIGPIPE");
    process.stderr.write(`imprest: standard output: ${error.message}\n`);
    // Also where the command is through already: a report that is cut off must not pass for a clean one.
    process.exitCode = ExitCode.unusable;
    stopping.abort(error);
  });
  // Nobody reads it any more, and the report goes on.
  process.stderr.on("error", () => {});
  return {
    write: (data) => writeTo(process.stdout, data),
    warn: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY,
    interactiveOutput: process.stdout.isTTY,
    environment: process.env,
    threads: availableParallelism(),
    open: (path) => (path === "-" ? standardInput(stopping.signal) : createReadStream(path)),
    create: createOutput,
    signal: stopping.signal,
  };
}

/** A pipe that stays open would keep a process alive that is to stop. */
function standardInput(signal: AbortSignal): AsyncIterable<Uint8Array> {
  signal.addEventListener("abort", () => process.stdin.destroy(), { once: true });
  return process.stdin;
}

/** The callback comes when the stream breaks as well; "drain" would not. */
function writeTo(stream: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stream.write(data, () => resolve())) resolve();
  });
}

function createOutput(path: string): Output {
  const stream = createWriteStream(path);
  const done = finished(stream);
  // Met by `close`; a disk that fills up before must not end the process.
  done.catch(() => {});
  return {
    write: (text) => Promise.race([writeTo(stream, text), done]),
    close: () => {
      stream.end();
      return done;
    },
  };
}
