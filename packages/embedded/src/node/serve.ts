import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigurationError } from "@imprest/core";
import { isLoopback } from "@imprest/core/internal";
import type { EmbeddedAuthority } from "../facade/embedded-authority.ts";
import { type RequestHead, type WireResponse, isSmallBody } from "../http/wire.ts";
import { readBody, unreadBody } from "./read-body.ts";

/** Where to listen, and how long to wait for slow senders. */
export interface ServeOptions {
  /** 0 for any free port. By default: 7878, the runtime plane's usual one. */
  readonly port?: number | undefined;
  /** By default: 127.0.0.1. Anything else opens the authority to others, and needs `behindTls` or `allowInsecure`. */
  readonly host?: string | undefined;
  /** A proxy in front of it speaks TLS. */
  readonly behindTls?: boolean | undefined;
  /** API keys may travel in the clear, on a network of your own. By default: false. */
  readonly allowInsecure?: boolean | undefined;
  /** How long a whole request may take to arrive, in milliseconds. By default: 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** How long a client may take to read an answer, in milliseconds. By default: 30,000. */
  readonly writeTimeoutMs?: number | undefined;
  /** Connections at once; more are cut when they come. By default: 4,096. */
  readonly maxConnections?: number | undefined;
  /** How long `close` waits for requests under way before it cuts their connections. By default: 5,000. */
  readonly closeTimeoutMs?: number | undefined;
}

/** A running server. */
export interface EmbeddedServer {
  /** `"http://127.0.0.1:7878"`. */
  readonly url: string;
  readonly port: number;
  /** Takes no more requests and resolves once those under way are answered. The authority stays open. */
  close(): Promise<void>;
  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const maxHeaderBytes = 16_384;

/**
 * Serves an authority over HTTP. Requests go to `authority.answer` without a `Request` or `Response` being built.
 * @throws ConfigurationError when the address cannot be listened on, cannot be signed for, or would take keys in the
 * clear without being configured to.
 * @example
 * await using server = await serve(embedded, { port: 7_878 });
 * const { key } = await embedded.apiKeys.create({ tenant: "acme" });
 */
export async function serve(authority: EmbeddedAuthority, options: ServeOptions = {}): Promise<EmbeddedServer> {
  const { port = 7_878, host = "127.0.0.1", requestTimeoutMs = 10_000, closeTimeoutMs = 5_000 } = options;
  const { writeTimeoutMs = 30_000, maxConnections = 4_096 } = options;
  if (host !== "::1" && !isLoopback(host) && options.behindTls !== true && options.allowInsecure !== true) {
    const message = `API keys would travel in the clear on ${host}; say behindTls, or allowInsecure on a network of your own.`;
    throw new ConfigurationError(message);
  }
  const limits = {
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    keepAliveTimeout: 65_000,
    // Node looks for late senders only so often.
    connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000),
  };
  const server = createServer(limits, (request, response) => {
    // `handle` settles every request by itself; what is left to fail is a connection that is gone.
    handle(authority, { server, writeTimeoutMs }, request, response).catch(() => response.destroy());
  });
  server.maxConnections = maxConnections;
  await listen(server, port, host);
  const address = server.address() as AddressInfo;
  const url = urlOf(address);
  const close = (): Promise<void> => closeServer(server, closeTimeoutMs);
  try {
    await authority.servedAt(url);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, port: address.port, close, [Symbol.asyncDispose]: close };
}

async function handle(
  authority: EmbeddedAuthority,
  { server, writeTimeoutMs }: { readonly server: Server; readonly writeTimeoutMs: number },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const head: RequestHead = {
    method: request.method ?? "",
    target: request.url ?? "",
    header: (name) => headerOf(request, name),
  };
  const isRead = isSmallBody(head) || authority.knowsCaller(head);
  const { body, complete } = isRead ? await readBody(request, authority.maxBodyBytes) : unreadBody(request);
  if (isRead && request.destroyed && !request.complete && !complete && body.length <= authority.maxBodyBytes) return;
  const answer = await authority.answer({ ...head, body });
  // What was left unread would be taken for the next request on the connection; a closing server wants no next one.
  write(response, answer, complete && server.listening);
  cutWhenUnread(response, writeTimeoutMs);
}

/** An answer that nobody reads is not held for ever: its connection is cut. */
function cutWhenUnread(response: ServerResponse, timeoutMs: number): void {
  if (response.writableFinished) return;
  const cut = setTimeout(() => response.destroy(), timeoutMs).unref();
  response.once("close", () => clearTimeout(cut));
}

function write(response: ServerResponse, { status, headers, body }: WireResponse, keepAlive: boolean): void {
  const bytes = Buffer.from(body);
  const connection = keepAlive ? {} : { Connection: "close" };
  response.writeHead(status, { ...headers, ...connection, "Content-Length": bytes.length });
  response.end(bytes);
}

/** A header sent more than once is joined, so that it is neither of the two and matches nothing. */
function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headersDistinct[name];
  return value?.join(", ");
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new ConfigurationError(`Cannot listen on ${host}:${port}; name another port or host.`, { cause }));
    });
    server.listen(port, host, () => resolve());
  });
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function closeServer(server: Server, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), timeoutMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
