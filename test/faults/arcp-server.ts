import type { AddressInfo } from "node:net";
import type { ArcpTransport } from "@imprest/arcp";
import type { ArcpRuntime } from "@imprest/arcp/runtime";
import { type WebSocket, WebSocketServer } from "ws";

/** A server whose sockets are destroyed, without a close frame, at chosen frames. */
export interface KillingServer {
  readonly url: string;
  /** Sockets so far. */
  readonly connections: number;
  /** Frames that went either way so far, over all sockets. */
  readonly frames: number;
  close(): void;
}

/** @param kill is asked at each frame, of either side: shall the socket die instead of carrying it? */
export async function serveAndKill(runtime: ArcpRuntime, kill: (frame: number) => boolean): Promise<KillingServer> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  let connections = 0;
  let frames = 0;
  server.on("connection", (socket: WebSocket) => {
    connections++;
    runtime.accept(transportOf(socket, () => kill(frames++)));
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    get frames() {
      return frames;
    },
    close: () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}

function transportOf(socket: WebSocket, dies: () => boolean): ArcpTransport {
  return {
    confidential: true,
    closed: new Promise((resolve) => socket.on("close", (code) => resolve({ code }))),
    get pendingSend() {
      return socket.bufferedAmount;
    },
    send: (text) => {
      if (socket.readyState !== socket.OPEN) return;
      if (dies()) socket.terminate();
      else socket.send(text);
    },
    onMessage: (listener) => {
      socket.on("message", (data: Buffer) => {
        if (dies()) socket.terminate();
        else listener(data.toString());
      });
    },
    close: (code, reason) => socket.close(code, reason),
  };
}
