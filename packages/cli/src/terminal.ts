import { createReadStream } from "node:fs";

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
  /** The bytes of a file, or of standard input for `-`. */
  open(path: string): AsyncIterable<Uint8Array>;
  /** Aborts when the user asks to stop (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
}

/** The process's own terminal. */
export function systemTerminal(): Terminal {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error("interrupted"));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // A closed pipe (`imprest evidence … | head`) is the reader's way to say that it has seen enough.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    stop();
  });
  return {
    // The callback comes for a pipe that broke as well; "drain" would not.
    write: (data) =>
      new Promise((resolve) => {
        if (process.stdout.write(data, () => resolve())) resolve();
      }),
    warn: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY,
    interactiveOutput: process.stdout.isTTY,
    environment: process.env,
    open: (path) => (path === "-" ? process.stdin : createReadStream(path)),
    signal: stopping.signal,
  };
}
