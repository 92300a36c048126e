import { inspect } from "node:util";
import { getEventListeners, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  AbortedError,
  ConnectionError,
  type HttpRequest,
  ResponseFormatError,
  TimeoutError,
  type Transport,
  ValidationError,
  createFetchTransport,
  defaultTransport,
} from "@imprest/core";
import { createDeferred, send } from "@imprest/core/internal";
import { createManualClock } from "@imprest/testing";

const transports: readonly (readonly [string, () => Transport])[] = [
  ["undici", defaultTransport],
  ["fetch", createFetchTransport],
];

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function listening(server: Server | ReturnType<typeof createSocketServer>): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return listening(server);
}

/** A peer that speaks no HTTP library's HTTP. */
async function serveBytes(handle: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => handle(socket));
  });
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return listening(server);
}

const post = (url: string, headers: Record<string, string> = {}): HttpRequest => ({
  method: "POST",
  url: `${url}/v1/reservations?secret=1`,
  headers: { "x-cycles-api-key": "sk-hidden", ...headers },
  body: "{}",
});

async function failure(sending: Promise<unknown>): Promise<unknown> {
  try {
    await sending;
  } catch (error) {
    return error;
  }
  throw new Error("it was answered");
}

describe.each(transports)("%s, over real sockets", (_name, create) => {
  const options = { timeoutMs: 5_000 };

  it("sends what it is given and hands out the whole answer", async () => {
    const url = await serve((request, response) => {
      request.setEncoding("utf8").once("data", (body: string) => {
        response.writeHead(409, { "X-Request-Id": "req_1", "set-cookie": ["a=1", "b=2"] });
        response.end(`${request.method} ${request.url} ${String(request.headers["x-cycles-api-key"])} ${body} …`);
      });
    });
    const answer = await send(create(), post(url), options);
    expect(answer.status).toBe(409);
    expect(answer.headers["x-request-id"]).toBe("req_1");
    expect(answer.body).toBe("POST /v1/reservations?secret=1 sk-hidden {} …");
  });

  it("a refused connection is a ConnectionError that names no secret", async () => {
    const server = createServer();
    const url = await listening(server);
    server.close();
    await once(server, "close");
    const error = await failure(send(create(), post(url), options));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(JSON.stringify(error)).not.toContain("sk-hidden");
  });

  it("an answer cut off in its body is a ConnectionError, not a short answer", async () => {
    const url = await serveBytes((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"decision":"ALLOW"', () => socket.destroy());
    });
    expect(await failure(send(create(), post(url), options))).toBeInstanceOf(ConnectionError);
  });

  it("a reset before any answer is a ConnectionError", async () => {
    const url = await serveBytes((socket) => socket.resetAndDestroy());
    expect(await failure(send(create(), post(url), options))).toBeInstanceOf(ConnectionError);
  });

  it("bytes that are no HTTP are a ConnectionError", async () => {
    const url = await serveBytes((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
    expect(await failure(send(create(), post(url), options))).toBeInstanceOf(ConnectionError);
  });

  it("what a peer that speaks no HTTP sends back is in no error: it may repeat the key", async () => {
    const url = await serveBytes((socket) => socket.end("HTTP/1.1 200 OK\r\nx-echo secret-key-1\r\n\r\n"));
    const error = await failure(send(create(), post(url), options));
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("secret-key-1");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(Buffer.from("secret-key-1").join(" "));
    expect(Buffer.isBuffer((error as { cause?: { data?: unknown } }).cause?.data)).toBe(false);
  });

  it.each(["before the head", "after the head"])("a peer silent %s is a TimeoutError at the deadline", async (when) => {
    const closed = createDeferred<void>();
    const url = await serve((_request, response) => {
      response.on("close", () => closed.resolve(undefined));
      if (when === "after the head") response.writeHead(200).flushHeaders();
    });
    const error = await failure(send(create(), post(url), { timeoutMs: 80 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeoutMs: 80, request: { method: "POST", target: `${url}/v1/reservations` } });
    await closed.promise;
  });

  it("the caller's abort ends the exchange, keeps its reason and leaves no listener", async () => {
    const closed = createDeferred<void>();
    const arrived = createDeferred<void>();
    const url = await serve((_request, response) => {
      response.on("close", () => closed.resolve(undefined));
      arrived.resolve(undefined);
    });
    const caller = new AbortController();
    const sending = failure(send(create(), post(url), { ...options, signal: caller.signal }));
    await arrived.promise;
    caller.abort(new Error("enough"));
    const error = await sending;
    expect(error).toBeInstanceOf(AbortedError);
    expect((error as Error).cause).toEqual(new Error("enough"));
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
    await closed.promise;
  });

  it("an aborted signal sends nothing", async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests += 1;
      response.end();
    });
    const signal = AbortSignal.abort();
    expect(await failure(send(create(), post(url), { ...options, signal }))).toBeInstanceOf(AbortedError);
    expect(requests).toBe(0);
  });

  it("success leaves no timer and no listener", async () => {
    const url = await serve((_request, response) => void response.end("{}"));
    const clock = createManualClock();
    const caller = new AbortController();
    const transport = create();
    for (let count = 0; count < 5; count += 1)
      await send(transport, post(url), { ...options, clock, signal: caller.signal });
    expect(clock.timers).toBe(0);
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
  });

  it.each(["with a length", "in chunks without end"])(
    "an answer larger than the cap, %s, is refused early",
    async (how) => {
      const url = await serve((_request, response) => {
        response.on("error", () => {});
        if (how === "with a length") {
          response.end("x".repeat(100_000));
          return;
        }
        const pour = (): void =>
          void (response.destroyed || response.write("x".repeat(1_000), () => setImmediate(pour)));
        pour();
      });
      const error = await failure(send(create(), post(url), { ...options, maxResponseBytes: 10_000 }));
      expect(error).toBeInstanceOf(ResponseFormatError);
      expect(error).toMatchObject({ status: 200, message: expect.stringContaining("10000 bytes") });
    },
  );

  it.each([301, 302, 303, 307, 308])("%i is never followed, and is no failed connection", async (status) => {
    const seen: string[] = [];
    const other = await serve((request, response) => {
      seen.push(String(request.headers["x-cycles-api-key"]));
      response.end("{}");
    });
    const url = await serve((_request, response) => void response.writeHead(status, { location: other }).end());
    const error = await failure(send(create(), post(url), options));
    expect(error).toBeInstanceOf(ResponseFormatError);
    expect(error).toMatchObject({ status, message: expect.stringContaining("never followed") });
    expect(seen).toEqual([]);
  });

  it.each(["a\r\nx-admin: 1", "a\nb", "a\0b", "snow☃"])(
    "a header that cannot be sent (%j) is refused unsent",
    async (value) => {
      let requests = 0;
      const url = await serve((_request, response) => {
        requests += 1;
        response.end("{}");
      });
      const error = await failure(send(create(), post(url, { traceparent: value }), options));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as Error).message).toContain("/traceparent");
      expect((error as Error).message).not.toContain(value);
      expect(requests).toBe(0);
    },
  );

  it("bytes that are no UTF-8 do not crash it", async () => {
    const url = await serve((_request, response) => void response.end(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])));
    expect((await send(create(), post(url), options)).body).toBe("{\ufffd\ufffd}");
  });
});

it("the default transport of Node is undici's pool, and not fetch, whose requests have the headers of a browser", async () => {
  const seen: string[][] = [];
  const url = await serve((request, response) => {
    seen.push(Object.keys(request.headers).filter((name) => /^(?:user-agent|sec-fetch-mode)$/.test(name)));
    response.end("{}");
  });
  for (const [, create] of transports) await send(create(), post(url), { timeoutMs: 5_000 });
  expect(seen).toEqual([[], expect.arrayContaining(["sec-fetch-mode"])]);
});

it.each<[string, (thrown: Error) => Transport]>([
  [
    "throws",
    (thrown) => () => {
      throw thrown;
    },
  ],
  ["rejects", (thrown) => () => Promise.reject(thrown)],
])(
  "what a transport %s with passes as it is, and no timer is left: a bug is no failed connection",
  async (_way, of) => {
    for (const thrown of [new TypeError("x is not a function"), new ConnectionError("reset")]) {
      const clock = createManualClock();
      const error = await failure(send(of(thrown), post("http://127.0.0.1"), { timeoutMs: 1_000, clock }));
      expect(error).toBe(thrown);
      expect(clock.timers).toBe(0);
    }
  },
);

it("a transport that never settles does not outlast the deadline", async () => {
  const clock = createManualClock();
  const sending = failure(send(() => new Promise(() => {}), post("http://127.0.0.1"), { timeoutMs: 1_000, clock }));
  await clock.advance(1_000);
  expect(await sending).toBeInstanceOf(TimeoutError);
  expect(clock.timers).toBe(0);
});
