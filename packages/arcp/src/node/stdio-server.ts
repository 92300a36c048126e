import type { Readable, Writable } from "node:stream";
import type { ArcpRuntime } from "../runtime/runtime.ts";
import type { TransportClosed } from "../transport/transport.ts";
import { stdioTransport } from "./stdio.ts";

/** Who speaks on the streams, and which they are. */
export interface StdioServerOptions {
  /** This process's stdin by default. */
  readonly input?: Readable | undefined;
  /** This process's stdout by default; nothing else may write to it. */
  readonly output?: Writable | undefined;
}

/**
 * Serves the parent process over stdin and stdout (ARCP §4), one client for the life of the process.
 * @returns how the connection ended.
 */
export async function serveStdio(runtime: ArcpRuntime, options: StdioServerOptions = {}): Promise<TransportClosed> {
  const transport = stdioTransport({
    input: options.input ?? process.stdin,
    output: options.output ?? process.stdout,
  });
  runtime.accept(transport);
  return transport.closed;
}
