import type { ArcpRuntime } from "../runtime.ts";
import { type HostOptions, type HostedConnection, Places, hostedConnection } from "./hosted-socket.ts";

/** Bun's socket, as far as it is used. */
export interface BunSocket {
  /** Sends a frame. */
  send(text: string): number;
  /** Closes the connection with a code of RFC 6455. */
  close(code?: number, reason?: string): void;
  /** Bytes that wait to be sent. */
  getBufferedAmount(): number;
}

/** The `websocket` of `Bun.serve`. */
export interface BunHandlers {
  /** The client is there. */
  open(socket: BunSocket): void;
  /** A frame arrived. */
  message(socket: BunSocket, data: unknown): void;
  /** The client is gone, or was sent away. */
  close(socket: BunSocket, code: number, reason: string): void;
}

/**
 * Serves a runtime behind `Bun.serve`, whose `fetch` calls `server.upgrade(request)`.
 * @example
 * const websocket = bunHandlers(runtime, { behindTls: true }); // Bun.serve({ fetch, websocket })
 */
export function bunHandlers(runtime: ArcpRuntime, options: HostOptions = {}): BunHandlers {
  const places = new Places(options);
  const connections = new WeakMap<BunSocket, HostedConnection>();
  return {
    open(socket) {
      if (!places.take()) return socket.close(1013, "There are too many connections.");
      const hosted = {
        send: (text: string) => socket.send(text),
        close: (code?: number, reason?: string) => socket.close(code, reason),
        get bufferedAmount() {
          return socket.getBufferedAmount();
        },
      };
      const connection = hostedConnection(hosted, options.behindTls === true);
      connections.set(socket, connection);
      runtime.accept(connection.transport);
    },
    message: (socket, data) => connections.get(socket)?.message(data),
    close(socket, code, reason) {
      const connection = connections.get(socket);
      if (connection !== undefined) places.free();
      connection?.closed({ code, reason });
    },
  };
}
