import type { WebSocketLike } from "../../transport/web-socket.ts";
import type { ArcpRuntime } from "../runtime.ts";
import { type HostOptions, Places, hostedConnection } from "./hosted-socket.ts";

/** `Deno.upgradeWebSocket`. */
export type UpgradeWebSocket = (request: Request) => { readonly socket: WebSocketLike; readonly response: Response };

/**
 * Serves a runtime behind `Deno.serve`.
 * @returns what answers a request: 426 for one that is no upgrade, 503 when there are too many connections.
 * @example
 * Deno.serve(denoHandler(runtime, Deno.upgradeWebSocket, { behindTls: true }));
 */
export function denoHandler(
  runtime: ArcpRuntime,
  upgrade: UpgradeWebSocket,
  options: HostOptions = {},
): (request: Request) => Response {
  const places = new Places(options);
  return (request) => {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return new Response(null, { status: 426 });
    if (!places.take()) return new Response(null, { status: 503 });
    const { socket, response } = upgrade(request);
    const connection = hostedConnection(socket, options.behindTls === true);
    socket.addEventListener("open", () => runtime.accept(connection.transport));
    socket.addEventListener("message", ({ data }: { readonly data: unknown }) => connection.message(data));
    socket.addEventListener("close", ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      places.free();
      connection.closed({ code, reason });
    });
    return response;
  };
}
