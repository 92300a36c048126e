import { type IncomingMessage, type ServerOptions, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A server that listens on this machine. */
export interface LoopbackServer {
  /** `http://127.0.0.1:40123` */
  readonly origin: string;
  /** Breaks what is under way, stops listening, and resolves when every request has ended. */
  close(): Promise<void>;
}

/** @param signal aborts when the client is gone. What it throws, or rejects with, breaks the connection. */
export type Answerer = (incoming: IncomingMessage, signal: AbortSignal) => Response | Promise<Response>;

export interface ListenOptions extends Pick<ServerOptions, "keepAliveTimeout" | "requestTimeout"> {
  /** 0 for any free port. By default: 0. */
  readonly port?: number | undefined;
  readonly maxConnections?: number;
}

/**
 * Listens on the loopback interface. Who may ask, and what is answered, is for `answererOf`, which is given the port.
 * @throws the system's error where it cannot listen.
 */
export async function listen(
  answererOf: (port: number) => Answerer,
  { port = 0, maxConnections, ...timeouts }: ListenOptions = {},
): Promise<LoopbackServer> {
  const server = createServer({ ...timeouts, noDelay: true });
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    // Stays: a connection that cannot be accepted later on ends no command.
    server.on("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const answerer = answererOf(bound);
  const open = new Set<Promise<void>>();
  server.on("request", (incoming, response) => {
    const answered = answer(answerer, incoming, response).finally(() => open.delete(answered));
    open.add(answered);
  });
  server.on("upgrade", (_incoming, socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  return {
    origin: `http://127.0.0.1:${bound}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await Promise.all(open);
    },
  };
}

/** What `Host` may say of a server that listens here. */
export function loopbackHosts(port: number): readonly string[] {
  return [`127.0.0.1:${port}`, `localhost:${port}`];
}

/** Never rejects: what cannot be answered is a broken connection. */
async function answer(answerer: Answerer, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const client = new AbortController();
  response.once("close", () => client.abort());
  try {
    const { status, headers, body } = await answerer(incoming, client.signal);
    response.setHeaders(headers);
    response.writeHead(status);
    response.flushHeaders();
    if (body === null) response.end();
    else await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), response);
  } catch {
    response.destroy();
  }
}
