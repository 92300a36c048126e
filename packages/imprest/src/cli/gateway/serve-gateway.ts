import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { type LoopbackServer, listen, loopbackHosts } from "../loopback-server.ts";

/** A gateway that listens on this machine. */
export interface GatewayServer extends LoopbackServer {
  /** What `Host` may say. */
  readonly hosts: readonly string[];
}

/** Longer than any client keeps a connection: an end that this side chooses would meet a request on its way. */
const keepAliveTimeout = 600_000;

/** Serves a handler on any free port of the loopback interface. A thinking model is silent for long: nothing here times out but a half-sent header. */
export async function serveGateway(handle: (request: Request) => Promise<Response>): Promise<GatewayServer> {
  let hosts: readonly string[] = [];
  const server = await listen(
    (port) => {
      hosts = loopbackHosts(port);
      // The absolute form is for a forward proxy, and this is none.
      return (incoming, signal) =>
        incoming.url?.startsWith("/") === true
          ? handle(requestOf(incoming, signal))
          : new Response(null, { status: 400 });
    },
    { keepAliveTimeout, requestTimeout: 0 },
  );
  return { ...server, hosts };
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
