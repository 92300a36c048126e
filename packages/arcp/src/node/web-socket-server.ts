import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ConfigurationError } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import type { RawData, WebSocket, WebSocketServer } from "ws";
import type { ArcpRuntime } from "../runtime/runtime.ts";
import { isWelcome, mostBeforeOpen } from "../runtime/limits.ts";
import { Inbox } from "../transport/inbox.ts";
import type { ArcpTransport, TransportClosed } from "../transport/transport.ts";

/** How WebSocket upgrades are served. */
export interface AttachOptions {
  /** Default `/arcp`. */
  readonly path?: string | undefined;
  /** Bytes of one incoming frame; a longer one ends its connection. Default 16,777,216. */
  readonly maxFrameBytes?: number | undefined;
  /** Connections at a time; the next is answered with 503. Default 1,000. */
  readonly maxConnections?: number | undefined;
  /** Origins that browsers may connect from; without it any, since a connection is nothing without its token. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** TLS ends in front of this server: what comes in plain was encrypted on the way. */
  readonly behindTls?: boolean | undefined;
}

export interface ServeOptions extends AttachOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** PEM key and certificate; with them the server speaks `wss`. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Listen without TLS where others can read along. Bearer tokens then travel in the clear (ARCP 1.0 §14). */
  readonly allowInsecure?: boolean | undefined;
}

/** A listening server. */
export interface ArcpServer {
  /** What a client connects to. */
  readonly url: string;
  /** Takes no more connections and ends those there are; the runtime, its sessions and its jobs live on. */
  close(): Promise<void>;
}

/** Frames of one write; more would keep the client waiting for the first. */
const mostGathered = 64;

/** A hello, with room for the frames' own headers. */
const mostBytesBeforeOpen = mostBeforeOpen + 1_024;

/** How long a client has to answer a close, in milliseconds, before its socket is destroyed. */
const closeGraceMs = 1_000;

/**
 * Listens for clients of `runtime`.
 * @throws ConfigurationError without the package `ws`, and for a network address without TLS; what listening throws.
 */
export async function serveWebSocket(runtime: ArcpRuntime, options: ServeOptions = {}): Promise<ArcpServer> {
  const { port = 0, host = "127.0.0.1", tls, behindTls, allowInsecure = false } = options;
  if (!isLoopback(host) && tls === undefined && behindTls !== true && !allowInsecure) {
    throw new ConfigurationError(
      `Bearer tokens would travel in the clear on ${host}; pass tls, behindTls, or allowInsecure for a private network.`,
    );
  }
  const refuse = (_request: unknown, response: { writeHead(status: number): { end(): void } }): void => {
    response.writeHead(426).end();
  };
  const server = tls === undefined ? createServer(refuse) : createTlsServer({ key: tls.key, cert: tls.cert }, refuse);
  const detach = await attachWebSocket(server, runtime, options);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port: actualPort } = server.address() as AddressInfo;
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? "ws" : "wss"}://${shownHost}:${actualPort}${options.path ?? "/arcp"}`,
    async close() {
      await detach();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/**
 * Serves the WebSocket upgrades of one path of a server that is there already; other upgrades are left to others.
 * @returns the function that stops serving and ends the connections.
 * @throws ConfigurationError without the package `ws`.
 */
export async function attachWebSocket(
  server: Server,
  runtime: ArcpRuntime,
  options: AttachOptions = {},
): Promise<() => Promise<void>> {
  const { path = "/arcp", maxFrameBytes = 16_777_216, maxConnections = 1_000, allowedOrigins } = options;
  const sockets = await createSocketServer(maxFrameBytes);
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { origin } = request.headers;
    if (pathOf(request) !== path) {
      // Someone else may serve it; where there is nobody, the socket must not wait for ever.
      if (server.listenerCount("upgrade") === 1) socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    } else if (origin !== undefined && allowedOrigins !== undefined && !allowedOrigins.includes(origin)) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
    } else if (sockets.clients.size >= maxConnections) {
      socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
    } else {
      sockets.handleUpgrade(request, socket, head, (accepted) => {
        runtime.accept(serverTransport(accepted, socket, isConfidential(request, options)));
      });
    }
  };
  server.on("upgrade", upgrade);
  return async () => {
    server.off("upgrade", upgrade);
    await endAll(sockets);
  };
}

/** A request target is whatever a stranger sent. */
function pathOf({ url = "/" }: IncomingMessage): string | undefined {
  return URL.canParse(url, "http://host") ? new URL(url, "http://host").pathname : undefined;
}

async function createSocketServer(maxPayload: number): Promise<WebSocketServer> {
  try {
    const ws = await import("ws");
    return new ws.WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
  } catch (cause) {
    throw new ConfigurationError("The WebSocket server needs the package ws: npm install ws", { cause });
  }
}

async function endAll(sockets: WebSocketServer): Promise<void> {
  const open = [...sockets.clients];
  const ended = open.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  for (const socket of open) socket.close(1001, "The server is closing.");
  const timer = setTimeout(() => {
    for (const socket of open) socket.terminate();
  }, closeGraceMs);
  await Promise.all(ended);
  clearTimeout(timer);
  sockets.close();
}

/** One accepted socket. Text frames only: ARCP has no binary ones (ARCP §4). */
function serverTransport(socket: WebSocket, stream: Duplex, confidential: boolean): ArcpTransport {
  const inbox = new Inbox();
  const closed = createDeferred<TransportClosed>();
  let failure: Error | undefined;
  let gathered = 0;
  const release = (): void => {
    if (gathered > 0) stream.uncork();
    gathered = 0;
  };
  /** The frames of one turn, up to a few, go out in one write: most of the cost of a small one is the system call. */
  const gather = (): void => {
    if (gathered === mostGathered) release();
    if (gathered++ > 0) return;
    stream.cork();
    process.nextTick(release);
  };
  let admit = limitStranger(socket, stream);
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (!isBinary) inbox.deliver((data as Buffer).toString("utf8"));
  });
  // A frame that is too long or not UTF-8 ends in here as well; "close" follows.
  socket.on("error", (error) => (failure = error));
  socket.on("close", (code, reason) => closed.resolve({ code, reason: reason.toString("utf8"), error: failure }));
  return {
    confidential,
    closed: closed.promise,
    get pendingSend() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (admit !== undefined && isWelcome(text)) admit = admit();
      gather();
      socket.send(text, ignoreFailure);
    },
    onMessage: (listener) => inbox.onMessage(listener),
    close(code = 1000, reason = "") {
      socket.close(code, reason);
      const timer = setTimeout(() => socket.terminate(), closeGraceMs);
      timer.unref();
      socket.once("close", () => clearTimeout(timer));
    },
    pause() {
      inbox.pause();
      socket.pause();
    },
    resume() {
      inbox.resume();
      socket.resume();
    },
  };
}

/**
 * Bytes are counted as they come, not when a frame is whole: what a stranger may send before it is
 * welcomed is small. @returns what ends the counting.
 */
function limitStranger(socket: WebSocket, stream: Duplex): (() => undefined) | undefined {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    if ((bytes += chunk.length) > mostBytesBeforeOpen) socket.terminate();
  };
  stream.on("data", count);
  return () => void stream.off("data", count);
}

/** What is sent on a socket that is closing is lost, as on a network; "close" follows. */
function ignoreFailure(): void {}

function isConfidential(request: IncomingMessage, { behindTls }: AttachOptions): boolean {
  if (behindTls === true || "encrypted" in request.socket) return true;
  return isLoopback(request.socket.remoteAddress ?? "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(host);
}
