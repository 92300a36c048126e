import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, type ClientOptions } from "ws";
import { ConfigurationError } from "@imprest/core";
import { connect } from "../../src/index.ts";
import { spawnTransport } from "../../src/node/index.ts";
import { type ArcpServer, type ServeOptions, serveWebSocket } from "../../src/node/runtime.ts";
import { type ArcpRuntime, createArcpRuntime } from "../../src/runtime/index.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(options: ServeOptions = {}): Promise<{ runtime: ArcpRuntime; server: ArcpServer }> {
  const runtime = createArcpRuntime({ authenticate: (token) => ({ "tok-alice": "alice" })[token] });
  runtime.agent("echo", ({ input }) => input);
  runtime.agent("count", async (context) => {
    for (let at = 0; at < Number(context.input); at++) await context.log("info", "x".repeat(1000));
  });
  const server = await serveWebSocket(runtime, options);
  cleanups.push(
    () => server.close(),
    () => runtime.close(),
  );
  return { runtime, server };
}

function opened(url: string, options: ClientOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, options);
  cleanups.push(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

describe("the WebSocket server", () => {
  it("serves a client over a real socket, and back-pressure holds for a long stream", async () => {
    const { runtime, server } = await serve();
    const session = await connect(server.url, { token: "tok-alice" });
    cleanups.push(() => session.close());
    const echo = await session.submit({ agent: "echo", input: { a: [1, "ü"] } });
    expect(await echo.result()).toEqual({ a: [1, "ü"] });
    const job = await session.submit({ agent: "count", input: 20_000 });
    let seen = 0;
    for await (const event of job.events({ kinds: ["log"] })) if (event.kind === "log") seen++;
    expect(seen).toBe(20_000);
    expect(runtime.counts).toMatchObject({ connections: 1, sessions: 1 });
  });

  it("ends a stranger's frame at 64 kB, while it comes, and takes as long a one from whoever was welcomed", async () => {
    const { runtime, server } = await serve();
    const stranger = await opened(server.url);
    const gone = once(stranger, "close");
    stranger.on("error", () => {});
    // It stays unfinished: only counting as it comes can end it.
    stranger.send("x".repeat(70_000), { fin: false });
    await gone;
    await expect.poll(() => runtime.counts.connections).toBe(0);
    const session = await connect(server.url, { token: "tok-alice" });
    cleanups.push(() => session.close());
    const input = "x".repeat(200_000);
    expect(await (await session.submit({ agent: "echo", input })).result()).toBe(input);
  });

  it("refuses another path, another origin, plain HTTP, and one connection too many", async () => {
    const { server } = await serve({ allowedOrigins: ["https://app.example"], maxConnections: 1 });
    const http = server.url.replace("ws:", "http:");
    expect((await fetch(http)).status).toBe(426);
    await expect(opened(server.url.replace("/arcp", "/other"))).rejects.toThrow(/404/);
    await expect(opened(server.url, { origin: "https://evil.example" })).rejects.toThrow(/403/);
    await opened(server.url, { origin: "https://app.example" });
    await expect(opened(server.url)).rejects.toThrow(/503/);
  });

  it("ignores binary frames, ends connections that send too much or no UTF-8, and survives garbage", async () => {
    const { runtime, server } = await serve({ maxFrameBytes: 1000 });
    const long = await opened(server.url);
    long.send(Buffer.from("{}"));
    long.send("x".repeat(2000));
    const [code] = (await once(long, "close")) as [number];
    expect(code).toBe(1009);
    const tcp = connectTcp(Number(new URL(server.url).port), "127.0.0.1");
    tcp.on("error", () => {});
    tcp.resume();
    tcp.write("GET /arcp HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\u0000\u0000");
    await once(tcp, "close");
    const session = await connect(server.url, { token: "tok-alice" });
    cleanups.push(() => session.close());
    expect(await (await session.submit({ agent: "echo", input: 1 })).result()).toBe(1);
    expect(runtime.counts.connections).toBe(1);
  });

  it("does not listen in the clear where others can read along, unless that is allowed", async () => {
    await expect(serve({ host: "0.0.0.0" })).rejects.toThrow(ConfigurationError);
    const { server } = await serve({ host: "0.0.0.0", allowInsecure: true });
    expect(server.url).toMatch(/^ws:\/\/0\.0\.0\.0:\d+\/arcp$/);
  });

  it("closing the server ends its connections; jobs live on and are resumed over another one", async () => {
    const { runtime, server } = await serve();
    const socket = await opened(server.url);
    const frames: { type: string; session_id: string; payload: Record<string, unknown> }[] = [];
    socket.on("message", (data: Buffer) => frames.push(JSON.parse(data.toString("utf8")) as (typeof frames)[0]));
    const hello = { client: { name: "raw", version: "0" }, auth: { scheme: "bearer", token: "tok-alice" } };
    socket.send(JSON.stringify({ arcp: "1.1", id: "msg_1", type: "session.hello", payload: hello }));
    await expect.poll(() => frames.length).toBe(1);
    await server.close();
    expect(socket.readyState).toBe(WebSocket.CLOSED);
    expect(runtime.counts).toMatchObject({ connections: 0, sessions: 1 });
    const second = await serveWebSocket(runtime);
    cleanups.push(() => second.close());
    const again = await opened(second.url);
    const [welcome] = frames;
    const resume = {
      session_id: welcome?.session_id,
      resume_token: welcome?.payload["resume_token"],
      last_event_seq: 0,
    };
    again.on("message", (data: Buffer) => frames.push(JSON.parse(data.toString("utf8")) as (typeof frames)[0]));
    again.send(JSON.stringify({ arcp: "1.1", id: "msg_2", type: "session.hello", payload: { ...hello, resume } }));
    await expect.poll(() => frames[1]?.session_id).toBe(welcome?.session_id);
  });
});

describe("stdio", () => {
  const child = fileURLToPath(new URL("stdio-child.ts", import.meta.url));

  it("serves a parent process", async () => {
    const session = await connect(
      () => spawnTransport(process.execPath, { args: ["--conditions=@imprest/source", child] }),
      { token: "tok-alice" },
    );
    const job = await session.submit({ agent: "echo", input: "over a pipe" });
    expect(await job.result()).toBe("over a pipe");
    await session.close();
  });

  it("ends with its stdin", async () => {
    const runtime = spawn(process.execPath, ["--conditions=@imprest/source", child], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    runtime.stdin.end("garbage\n");
    const [code] = (await once(runtime, "exit")) as [number];
    expect(code).toBe(0);
  });
});
