import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { ConnectionError } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { Inbox } from "../transport/inbox.ts";
import type { ArcpTransport, TransportClosed } from "../transport/transport.ts";

/** The longest line taken, in characters: a frame with an 8 MiB chunk, and room to spare. */
const longestLine = 16 * 2 ** 20;

/** Streams that carry newline-delimited JSON. */
export interface StdioStreams {
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * Frames as lines over a pair of streams (ARCP §4): the runtime's side of a child process, over its own stdin and
 * stdout. A line longer than 16 Mi characters ends the connection.
 */
export function stdioTransport({ input, output }: StdioStreams): ArcpTransport {
  const inbox = new Inbox();
  const closed = createDeferred<TransportClosed>();
  const decoder = new StringDecoder("utf8");
  let partial = "";
  let open = true;
  const end = (reason: TransportClosed): void => {
    if (!open) return;
    open = false;
    input.removeAllListeners("data");
    // A pipe that breaks later must not become an uncaught exception.
    output.end();
    closed.resolve(reason);
  };
  const take = (text: string): void => {
    const lines = (partial + text).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) if (open && line.trim() !== "") inbox.deliver(line);
    if (partial.length > longestLine) end({ error: new ConnectionError("A line was longer than 16 Mi characters.") });
  };
  input.on("data", (bytes: Buffer) => take(decoder.write(bytes)));
  input.on("end", () => {
    take(`${decoder.end()}\n`);
    end({ reason: "the other side closed its output" });
  });
  input.on("close", () => end({ reason: "the other side closed its output" }));
  input.on("error", (error) => end({ error }));
  output.on("error", (error) => end({ error }));
  return {
    confidential: true,
    closed: closed.promise,
    get pendingSend() {
      return output.writableLength;
    },
    send: (text) => {
      if (open) output.write(`${text}\n`);
    },
    onMessage: (listener) => inbox.onMessage(listener),
    close: (code, reason) => end({ code, reason }),
    pause: () => {
      inbox.pause();
      input.pause();
    },
    resume: () => {
      inbox.resume();
      input.resume();
    },
  };
}

/** What a child process is started with. */
export interface SpawnTransportOptions {
  readonly args?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Where the child's stderr goes; this process's own by default. */
  readonly stderr?: "inherit" | "ignore" | undefined;
  /** How long the child has to leave after its stdin is closed, in milliseconds, before it is killed. Default 2,000. */
  readonly killAfterMs?: number | undefined;
}

/**
 * Starts a runtime as a child process and speaks with it over its stdin and stdout (ARCP §4). Pass a function that
 * calls this to `connect`, so that a reconnect starts another. Closing the transport ends the child.
 */
export function spawnTransport(command: string, options: SpawnTransportOptions = {}): ArcpTransport {
  const { args = [], cwd, env, stderr = "inherit", killAfterMs = 2000 } = options;
  const settings: SpawnOptions = {
    stdio: ["pipe", "pipe", stderr],
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env: { ...process.env, ...env } }),
  };
  const child: ChildProcess = spawn(command, args, settings);
  if (child.stdin === null || child.stdout === null) throw new ConnectionError(`${command} has no pipes.`);
  const transport = stdioTransport({ input: child.stdout, output: child.stdin });
  const closed = createDeferred<TransportClosed>();
  child.on("error", (error) => {
    transport.close();
    closed.resolve({ error });
  });
  child.on("exit", (code, signal) => closed.resolve({ code: code ?? undefined, reason: signal ?? undefined }));
  void transport.closed.then((reason) => {
    closed.resolve(reason);
    const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    timer.unref();
    child.once("exit", () => clearTimeout(timer));
  });
  return {
    confidential: true,
    closed: closed.promise,
    get pendingSend() {
      return transport.pendingSend;
    },
    send: (text) => transport.send(text),
    onMessage: (listener) => transport.onMessage(listener),
    close: (code, reason) => transport.close(code, reason),
    pause: () => transport.pause?.(),
    resume: () => transport.resume?.(),
  };
}
