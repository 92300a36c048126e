import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { ConfigurationError } from "@imprest/core";
import type { ModelProvider } from "../models/provider.ts";

/** Where to listen. */
export interface ServeModelsOptions {
  /** By default: any free port. */
  readonly port?: number | undefined;
  /** By default: 127.0.0.1. */
  readonly host?: string | undefined;
}

/** A provider behind a port. */
export interface ModelServer {
  /** `"http://127.0.0.1:40123"`: the base of every wire; OpenAI's SDK wants `/v1` behind it. */
  readonly url: string;
  /** Breaks what is under way and stops listening. */
  close(): Promise<void>;
  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves a provider over HTTP, so that lost connections, half answers and silence are those of real sockets.
 * @throws ConfigurationError when the address cannot be listened on.
 * @example
 * await using server = await serveModels(provider);
 * const client = new OpenAI({ apiKey: "test", baseURL: `${server.url}/v1` });
 */
export async function serveModels(provider: ModelProvider, options: ServeModelsOptions = {}): Promise<ModelServer> {
  const { port = 0, host = "127.0.0.1" } = options;
  // A connection that this end closes for being idle, while the client uses it again, is a fault that nobody directed.
  const server = createServer(
    { keepAliveTimeout: 65_000 },
    (request, response) => void answer(provider, request, response),
  );
  await listen(server, port, host);
  const address = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return { url: `http://${name}:${address.port}`, close, [Symbol.asyncDispose]: close };
}

/** Never rejects: what the provider throws is what a client sees as a broken connection. */
async function answer(provider: ModelProvider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const client = new AbortController();
  response.on("close", () => client.abort());
  try {
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    const init = initOf(request, hasBody ? (Readable.toWeb(request) as ReadableStream) : undefined);
    const url = new URL(request.url ?? "/", "http://models.invalid");
    const { status, headers, body } = await provider.fetch(url, { ...init, signal: client.signal });
    response.writeHead(status, Object.fromEntries(headers));
    response.flushHeaders();
    for await (const chunk of body ?? []) {
      if (!response.write(chunk)) await drained(response);
      if (client.signal.aborted) return;
    }
    response.end();
  } catch {
    request.socket.resetAndDestroy();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}

function initOf(
  { method = "GET", headersDistinct }: IncomingMessage,
  content: ReadableStream | undefined,
): RequestInit {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return { method, headers, ...(content && { body: content, duplex: "half" as const }) };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new ConfigurationError(`Cannot listen on ${host}:${port}; name another port or host.`, { cause }));
    });
    server.listen(port, host, () => resolve());
  });
}
