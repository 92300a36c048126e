import type { ArcpRuntime } from "../runtime.ts";
import {
  type HostOptions,
  type HostedConnection,
  type HostedSocket,
  Places,
  hostedConnection,
} from "./hosted-socket.ts";

/** What hono's `upgradeWebSocket` of any adapter asks for. */
export interface HonoEvents {
  /** The client is there. */
  onOpen(event: unknown, socket: HostedSocket): void;
  /** A frame arrived. */
  onMessage(event: { readonly data: unknown }, socket: HostedSocket): void;
  /** The client is gone, or was sent away. */
  onClose(event: { readonly code?: number; readonly reason?: string }, socket: HostedSocket): void;
}

/**
 * Serves a runtime behind Hono, with the `upgradeWebSocket` of its adapter.
 * @example
 * app.get("/arcp", upgradeWebSocket(honoConnections(runtime, { behindTls: true })));
 */
export function honoConnections(runtime: ArcpRuntime, options: HostOptions = {}): () => HonoEvents {
  const places = new Places(options);
  return () => {
    let connection: HostedConnection | undefined;
    return {
      onOpen(_event, socket) {
        if (!places.take()) {
          socket.close(1013, "There are too many connections.");
          return;
        }
        connection = hostedConnection(socket, options.behindTls === true);
        runtime.accept(connection.transport);
      },
      onMessage: ({ data }) => connection?.message(data),
      onClose({ code, reason }) {
        if (connection !== undefined) places.free();
        connection?.closed({ code, reason });
      },
    };
  };
}
