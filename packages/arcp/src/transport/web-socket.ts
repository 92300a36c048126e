import { ConfigurationError, ConnectionError } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { Inbox } from "./inbox.ts";
import type { ArcpTransport, TransportClosed } from "./transport.ts";

/** The part of the standard WebSocket that is used; the global one by default. */
export interface WebSocketLike {
  readonly bufferedAmount: number;
  /** As of the WebSocket of browsers. */
  addEventListener(type: "open" | "message" | "error" | "close", listener: (event: never) => void): void;
  /** As of the WebSocket of browsers. */
  send(text: string): void;
  /** As of the WebSocket of browsers. */
  close(code?: number, reason?: string): void;
}

/** A constructor of WebSockets, such as the global one or that of `ws`. */
export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** True for TLS and for addresses that do not leave the machine. */
export function isConfidentialUrl(url: URL): boolean {
  if (url.protocol === "wss:" || url.protocol === "https:") return true;
  const host = url.hostname;
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Opens a WebSocket; the promise settles when it is open. Text frames only: ARCP has no binary ones (ARCP §4).
 * @throws ConfigurationError without a WebSocket, ConnectionError when the connection cannot be made.
 */
export function openWebSocket(
  url: URL,
  WebSocket: WebSocketConstructor | undefined = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket,
  signal?: AbortSignal,
): Promise<ArcpTransport> {
  if (WebSocket === undefined) {
    throw new ConfigurationError("This host has no global WebSocket; pass one as `webSocket`.");
  }
  const socket = new WebSocket(url.href);
  const closed = createDeferred<TransportClosed>();
  const inbox = new Inbox();
  let failure: Error | undefined;
  let open = false;
  const transport: ArcpTransport = {
    confidential: isConfidentialUrl(url),
    closed: closed.promise,
    get pendingSend() {
      return socket.bufferedAmount;
    },
    // A socket that is closing swallows what it is given; only one that never opened would throw.
    send: (text) => {
      if (open) socket.send(text);
    },
    onMessage: (listener) => inbox.onMessage(listener),
    close: (code = 1000, reason = "") => socket.close(code, reason),
  };
  return new Promise((resolve, reject) => {
    const abort = (): void => socket.close();
    socket.addEventListener("open", () => {
      open = true;
      resolve(transport);
    });
    socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
      if (typeof data === "string") inbox.deliver(data);
    });
    socket.addEventListener("error", () => {
      failure = new ConnectionError(`The WebSocket to ${url.host} failed.`);
    });
    socket.addEventListener("close", ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      open = false;
      signal?.removeEventListener("abort", abort);
      closed.resolve({ code, reason, error: failure });
      reject(failure ?? new ConnectionError(`The WebSocket to ${url.host} closed with code ${code} before it opened.`));
    });
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
  });
}
