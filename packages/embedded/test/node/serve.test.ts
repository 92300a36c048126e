import { type Socket, connect } from "node:net";
import { once } from "node:events";
import { ConfigurationError, tokens } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "../../src/index.ts";
import { MapStore } from "../support.ts";
import { type EmbeddedServer, serve } from "../../src/node/index.ts";

let authority: EmbeddedAuthority;
let server: EmbeddedServer;
let key: string;

beforeEach(async () => {
  authority = createEmbeddedAuthority({ maxBodyBytes: 5_000 });
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  ({ key } = await authority.apiKeys.create({ tenant: "acme" }));
  server = await serve(authority, { port: 0, requestTimeoutMs: 1_000, closeTimeoutMs: 300 });
});

afterEach(() => server.close());

function reserve(at: number, body?: BodyInit): Promise<Response> {
  const request = { idempotency_key: `k${at}`, subject: { tenant: "acme" }, action: { kind: "k", name: "n" } };
  return fetch(`${server.url}/v1/reservations`, {
    method: "POST",
    headers: { "X-Cycles-API-Key": key, "Content-Type": "application/json" },
    body: body ?? JSON.stringify({ ...request, estimate: { unit: "TOKENS", amount: 7 } }),
  });
}

/** Sends raw bytes and reads until the server closes. */
async function raw(text: string): Promise<string> {
  const socket: Socket = connect(server.port, "127.0.0.1");
  socket.write(text);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.on("error", () => {});
  await once(socket, "close");
  return answer;
}

describe("serve", () => {
  it("listens on loopback, and oversubscribes nothing under real concurrency", async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const answers = await Promise.all(Array.from({ length: 400 }, (_, at) => reserve(at % 300)));
    const granted = answers.filter(({ status }) => status === 200);
    const ids = await Promise.all(
      granted.map(async (answer) => ((await answer.json()) as { reservation_id: string }).reservation_id),
    );
    expect(new Set(ids).size).toBe(142);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
    const { reserved, remaining } = await authority.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" });
    expect([reserved, remaining]).toEqual([994n, 6n]);
  });

  it("answers as the web-standard handler does, headers included", async () => {
    const over = await reserve(1);
    const request = new Request(`${server.url}/v1/reservations/nobody`, { headers: { "X-Cycles-API-Key": key } });
    expect(over.headers.get("x-cycles-tenant")).toBe("acme");
    const [served, handled] = [await fetch(request.clone()), await authority.handler(request)];
    expect(served.status).toBe(handled.status);
    for (const name of ["content-type", "cache-control", "x-cycles-tenant", "x-content-type-options"]) {
      expect(served.headers.get(name)).toBe(handled.headers.get(name));
    }
    expect(Object.keys((await served.json()) as object)).toEqual(Object.keys((await handled.json()) as object));
  });

  it("refuses a body beyond the limit without reading it, and ends the connection", async () => {
    const answer = await reserve(1, "x".repeat(5_001));
    expect(answer.status).toBe(400);
    expect(answer.headers.get("connection")).toBe("close");
    const endless = raw(
      `POST /v1/decide HTTP/1.1\r\nHost: x\r\nX-Cycles-API-Key: ${key}\r\nContent-Length: 99999999\r\n\r\n${"x".repeat(9_000)}`,
    );
    expect(await endless).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("takes a header that comes twice for neither of the two", async () => {
    const answer = await raw(
      `GET /v1/balances?tenant=acme HTTP/1.1\r\nHost: x\r\nX-Cycles-API-Key: wrong\r\nX-Cycles-API-Key: ${key}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });

  it("survives what is no HTTP, huge headers and senders that break off", async () => {
    expect(await raw("nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    const socket = connect(server.port, "127.0.0.1");
    socket.write("POST /v1/decide HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    await once(socket, "connect");
    socket.destroy();
    expect((await reserve(1)).status).toBe(200);
  });

  it("cuts off a sender that never ends", async () => {
    const answer = await raw("POST /v1/decide HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    expect(answer === "" || /^HTTP\/1\.1 40[08] /.test(answer)).toBe(true);
  }, 10_000);

  it("answers what is under way when it closes, takes no more, and leaves the authority open", async () => {
    const store = new MapStore();
    const slow = createEmbeddedAuthority({ store });
    await slow.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
    await slow.apiKeys.create({ tenant: "acme", key });
    await server.close();
    server = await serve(slow, { port: 0 });
    const write = store.write.bind(store);
    const reached = createDeferred<void>();
    const gate = createDeferred<void>();
    store.write = async (take) => {
      reached.resolve();
      await gate.promise;
      await write(take);
    };
    const pending = reserve(1);
    await reached.promise;
    const closed = server.close();
    gate.resolve();
    expect((await pending).status).toBe(200);
    await closed;
    await expect(reserve(2)).rejects.toThrow();
    expect((await slow.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" })).reserved).toBe(7n);
    await server.close();
  });

  it("reads no large body before it knows whose it is", async () => {
    const head = "POST /v1/reservations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    for (const size of ["Content-Length: 250000", "Transfer-Encoding: chunked"]) {
      // Not a byte of the body is sent: the answer does not wait for it.
      const answer = await raw(`${head}X-Cycles-API-Key: ${"x".repeat(24)}\r\n${size}\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 401 /);
      expect(answer).toContain("Connection: close");
    }
    const body = JSON.stringify({ filler: "x".repeat(20_000) });
    const web = await authority.handler(new Request("http://a.test/v1/reservations", { method: "POST", body }));
    expect(web.status).toBe(401);
  });

  it("takes a body in a thousand pieces", async () => {
    const request = { idempotency_key: "pieces", subject: { tenant: "acme" }, action: { kind: "k", name: "n" } };
    const body = JSON.stringify({ ...request, estimate: { unit: "TOKENS", amount: 1 } });
    const chunks = Array.from(body, (character) => `1\r\n${character}\r\n`).join("");
    const head = `POST /v1/reservations HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Cycles-API-Key: ${key}\r\n`;
    expect(await raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  });

  it("cuts the connection of an answer that nobody reads, and those beyond the cap", async () => {
    const metadata = { filler: "x".repeat(4_000) };
    for (let at = 0; at < 200; at += 1) {
      const request = { idempotency_key: `m${at}`, subject: { tenant: "acme" }, action: { kind: "k", name: "n" } };
      await reserve(at, JSON.stringify({ ...request, estimate: { unit: "TOKENS", amount: 0 }, metadata }));
    }
    await using small = await serve(authority, { port: 0, writeTimeoutMs: 300, maxConnections: 1 });
    const ask = `GET /v1/reservations?limit=200&include=metadata HTTP/1.1\r\nHost: x\r\nX-Cycles-API-Key: ${key}\r\n\r\n`;
    const socket = connect(small.port, "127.0.0.1");
    socket.pause();
    // So many answers, of an eighth of a megabyte each, are more than what the sockets between the two take.
    socket.write(ask.repeat(160));
    socket.on("error", () => {});
    await once(socket, "connect");
    const surplus = connect(small.port, "127.0.0.1");
    surplus.on("error", () => {});
    await once(surplus, "close");
    const ended = once(socket, "close");
    await new Promise((resolve) => {
      setTimeout(resolve, 1_000);
    });
    socket.resume();
    await ended;
    expect(socket.bytesRead).toBeLessThan(160 * 32 * 4_000);
  }, 15_000);

  it("takes no keys in the clear from other machines unless that is allowed", async () => {
    await expect(serve(authority, { port: 0, host: "0.0.0.0" })).rejects.toThrow("API keys would travel in the clear");
    await using open = await serve(authority, { port: 0, host: "0.0.0.0", allowInsecure: true });
    expect(open.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });

  it("says which address it cannot have", async () => {
    await expect(serve(authority, { port: server.port })).rejects.toThrow(ConfigurationError);
  });
});
