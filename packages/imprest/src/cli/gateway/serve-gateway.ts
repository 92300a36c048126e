import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A gateway that listens on this machine. */
export interface GatewayServer {
  /** `http://127.0.0.1:40123` */
  readonly origin: string;
  /** What `Host` may say. */
  readonly hosts: readonly string[];
  /** Breaks what is under way, stops listening, and resolves when every request has ended. */
  close(): Promise<void>;
}

/** Longer than any client keeps a connection: an end that this side chooses would meet a request on its way. */
const keepAliveTimeout = 600_000;

/** Serves a handler on any free port of the loopback interface. A thinking model is silent for long: nothing here times out but a half-sent header. */
export async function serveGateway(handle: (request: Request) => Promise<Response>): Promise<GatewayServer> {
  const open = new Set<Promise<void>>();
  const server = createServer({ keepAliveTimeout, requestTimeout: 0, noDelay: true }, (request, response) => {
    const answered = answer(handle, request, response).finally(() => open.delete(answered));
    open.add(answered);
  });
  server.on("upgrade", (_, socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    hosts: [`127.0.0.1:${port}`, `localhost:${port}`],
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await Promise.all(open);
    },
  };
}

/** Never rejects: what cannot be answered is a broken connection. */
async function answer(
  handle: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const client = new AbortController();
  response.once("close", () => client.abort());
  try {
    // The absolute form is for a forward proxy, and this is none.
    if (incoming.url?.startsWith("/") !== true) return void response.writeHead(400).end();
    const answered = await handle(requestOf(incoming, client.signal));
    response.writeHead(answered.status, Object.fromEntries(answered.headers));
    response.flushHeaders();
    if (answered.body === null) response.end();
    else await pipeline(Readable.fromWeb(answered.body as Parameters<typeof Readable.fromWeb>[0]), response);
  } catch {
    response.destroy();
  }
}

function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? (Readable.toWeb(incoming) as ReadableStream) : undefined;
  const address = `http://gateway.invalid${url}`;
  return new Request(address, { method, headers, signal, ...(body && { body, duplex: "half" as const }) });
}
