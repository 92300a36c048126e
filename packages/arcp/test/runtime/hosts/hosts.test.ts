import type { WSContext, WSEvents } from "hono/ws";
import { describe, expect, it } from "vitest";
import { connect, createMemoryPair } from "../../../src/index.ts";
import { type BunSocket, bunHandlers } from "../../../src/runtime/hosts/bun.ts";
import { denoHandler } from "../../../src/runtime/hosts/deno.ts";
import { honoConnections } from "../../../src/runtime/hosts/hono.ts";
import type { ArcpRuntime } from "../../../src/runtime/index.ts";
import type { ArcpTransport, TransportClosed } from "../../../src/transport/transport.ts";
import type { WebSocketLike } from "../../../src/transport/web-socket.ts";
import { createRuntime, settle } from "../support.ts";

/** Takes the client's end of a connection to a host, and brings the host's events. */
type Host = (runtime: ArcpRuntime, client: ArcpTransport) => void;

const bun: Host = (runtime, wire) => {
  const handlers = bunHandlers(runtime, { behindTls: true, maxConnections: 1 });
  const socket: BunSocket = {
    send: (text) => (wire.send(text), text.length),
    close: (code, reason) => wire.close(code, reason),
    getBufferedAmount: () => 0,
  };
  handlers.open(socket);
  wire.onMessage((text) => handlers.message(socket, text));
  void wire.closed.then(({ code = 1006, reason = "" }: TransportClosed) => handlers.close(socket, code, reason));
};

const hono: Host = (runtime, wire) => {
  // What the adapters of hono take.
  const events: WSEvents = honoConnections(runtime, { behindTls: true })();
  const socket = {
    send: (text: string) => wire.send(text),
    close: (code?: number, reason?: string) => wire.close(code, reason),
  } as unknown as WSContext;
  events.onOpen?.(new Event("open"), socket);
  wire.onMessage((data) => events.onMessage?.(new MessageEvent("message", { data }), socket));
  void wire.closed.then(({ code = 1006 }) => events.onClose?.({ code, reason: "" } as CloseEvent, socket));
};

const deno: Host = (runtime, wire) => {
  const target = new EventTarget();
  const socket = Object.assign(target, {
    bufferedAmount: 0,
    send: (text: string) => wire.send(text),
    close: (code?: number, reason?: string) => wire.close(code, reason),
  }) as unknown as WebSocketLike;
  const handler = denoHandler(runtime, () => ({ socket, response: new Response() }), { behindTls: true });
  expect(handler(new Request("https://host/arcp")).status).toBe(426);
  handler(new Request("https://host/arcp", { headers: { upgrade: "websocket" } }));
  target.dispatchEvent(new Event("open"));
  wire.onMessage((data) => target.dispatchEvent(new MessageEvent("message", { data })));
  void wire.closed.then(() => target.dispatchEvent(new Event("close")));
};

describe.each([
  ["Bun", bun],
  ["Hono", hono],
  ["Deno", deno],
])("a runtime behind %s", (_name, host) => {
  it("serves a client, and knows that it has gone", async () => {
    const { runtime } = createRuntime();
    const [client, far] = createMemoryPair();
    host(runtime, far);
    const session = await connect(client, { token: "tok-alice" });
    expect(await (await session.submit({ agent: "echo", input: 1 })).result()).toEqual({ echoed: 1 });
    expect(runtime.counts.connections).toBe(1);
    session.detach();
    await settle();
    expect(runtime.counts.connections).toBe(0);
  });

  it("closes on a stranger who sends more than a hello", async () => {
    const { runtime } = createRuntime();
    const [client, far] = createMemoryPair();
    host(runtime, far);
    for (let at = 0; at < 3; at++) client.send("x".repeat(30_000));
    await settle();
    expect(runtime.counts.connections).toBe(0);
  });
});

it("a host takes no more connections than it may", () => {
  const { runtime } = createRuntime();
  const closes: (number | undefined)[] = [];
  const handlers = bunHandlers(runtime, { maxConnections: 1 });
  const socket = (): BunSocket => ({ send: () => 0, close: (code) => closes.push(code), getBufferedAmount: () => 0 });
  const first = socket();
  handlers.open(first);
  const second = socket();
  handlers.open(second);
  handlers.close(second, 1013, "");
  expect(closes).toEqual([1013]);
  handlers.open(socket());
  expect(closes).toEqual([1013, 1013]);
  handlers.close(first, 1000, "");
  handlers.open(socket());
  expect(closes).toEqual([1013, 1013]);
});
