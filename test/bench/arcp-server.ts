// An ARCP runtime that sends events and echoes, and bare `ws` that does the same.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { serveWebSocket } from "@imprest/arcp/runtime/node";
import { type WebSocket, WebSocketServer } from "ws";
import { bePeer } from "./peer.ts";

const message = "x".repeat(110);

/** What one event of the measured job looks like on the wire. */
function eventFrame(seq: number): string {
  return JSON.stringify({
    arcp: "1.1",
    id: `msg_01M7W84EP2WHP24899RK${String(seq).padStart(6, "0")}`,
    type: "job.event",
    session_id: "sess_01M7W84ENZ2X2AZVR1GHNHHB2V",
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    job_id: "job_01M7W84EP1ZA3J2AAGYMCB1XS9",
    event_seq: seq,
    payload: { kind: "log", ts: "2026-11-20T10:30:46.722Z", body: { level: "info", message } },
  });
}

const runtime = createArcpRuntime({ authenticate: () => "bench", maxHistoryEvents: 100 });
runtime.agent("events", async (context) => {
  for (let at = 0; at < Number(context.input); at++) await context.log("info", message);
});
runtime.agent("echo", (context) => context.input);
const server = await serveWebSocket(runtime);

// The baseline: frames written and sent one by one when asked for a number, and echoed otherwise.
const raw = new WebSocketServer({ port: 0, host: "127.0.0.1" });
raw.on("connection", (socket: WebSocket) => {
  socket.on("message", (data: Buffer) => {
    const count = Number(data.toString());
    if (Number.isNaN(count)) socket.send(data.toString());
    else void blast(socket, count);
  });
});

async function blast(socket: WebSocket, count: number): Promise<void> {
  for (let seq = 1; seq <= count; seq++) {
    socket.send(eventFrame(seq));
    if (socket.bufferedAmount > 1_048_576) await new Promise((resolve) => setImmediate(resolve));
  }
}

await once(raw, "listening");
const { port } = raw.address() as AddressInfo;
bePeer({ port, url: server.url, frameLength: eventFrame(1).length }, () => undefined);
