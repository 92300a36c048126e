import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, Agent, createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { usd } from "@imprest/core";
import { afterEach, expect, it, vi } from "vitest";
import { openRunBudget } from "../../src/cli/gateway/run-budget.ts";
import { serveGateway } from "../../src/cli/gateway/serve-gateway.ts";
import { upstreamFetch } from "../../src/cli/gateway/upstream-fetch.ts";
import { childVariables } from "../../src/run/child-environment.ts";
import { createGateway } from "../../src/run/gateway.ts";
import { routesOf } from "../../src/run/routes.ts";
import { latch } from "../latch.ts";

// The gateway between two real sockets: what it hands on, when, and how much of it waits in between.

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A server of this machine. @returns its address. */
async function listen(answer: Answer): Promise<string> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gateway before an upstream, and what a program of it is given. */
async function openBefore(answer: Answer) {
  const environment = { OPENAI_BASE_URL: `${await listen(answer)}/v1`, OPENAI_API_KEY: "sk-real-openai" };
  const upstream = await upstreamFetch({});
  const prices = { "gpt-5": { input: "1.25", output: "10.00" } };
  const kept = {
    every: undefined,
    store: undefined,
    server: undefined,
    extraInputTokens: undefined,
    extraUnits: undefined,
  };
  const opened = await openRunBudget({ limit: "$1.00", ...kept }, { prices, fetch: upstream.fetch }, {});
  const routes = routesOf(environment, false);
  const server = await serveGateway(createGateway({ routes, fetch: opened.fetch, hosts: () => server.hosts }));
  ends.push(
    () => upstream.close(),
    () => opened.close(),
    () => server.close(),
  );
  const child = childVariables(server.origin, routes, environment);
  return {
    url: child["OPENAI_BASE_URL"] ?? "",
    authorization: `Bearer ${child["OPENAI_API_KEY"]}`,
    budget: opened.budget,
  };
}

const chat = JSON.stringify({
  model: "gpt-5",
  max_completion_tokens: 50,
  stream: true,
  messages: [{ role: "user", content: "Hi" }],
});

function post(url: string, authorization: string): Promise<IncomingMessage> {
  const headers = { authorization, "content-type": "application/json", "accept-encoding": "gzip, br" };
  return new Promise((resolve, reject) => {
    httpRequest(`${url}/chat/completions`, { method: "POST", headers }, resolve).on("error", reject).end(chat);
  });
}

const stream = { "content-type": "text/event-stream" };
const event = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const usage = { prompt_tokens: 5, completion_tokens: 9, total_tokens: 14 };
const end = `data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`;

it("hands on headers and events as they come, and asks for them unencoded", async () => {
  const held = [latch(), latch()];
  let encoding: unknown;
  const { url, authorization } = await openBefore(async (request, response) => {
    encoding = request.headers["accept-encoding"];
    response.writeHead(200, {
      ...stream,
      "x-request-id": "r1",
      "set-cookie": "a=1",
      "access-control-allow-origin": "*",
    });
    response.flushHeaders();
    await held[0]?.promise;
    response.write(event("Hello."));
    await held[1]?.promise;
    response.end(end);
  });
  const answer = await post(url, authorization);
  expect(answer.headers).toMatchObject({ "content-type": "text/event-stream", "x-request-id": "r1" });
  expect(Object.keys(answer.headers).filter((name) => /cookie|access-control/.test(name))).toEqual([]);
  expect(encoding).toBe("identity");
  held[0]?.resolve();
  const [first] = (await once(answer, "data")) as [Buffer];
  expect(first.toString()).toBe(event("Hello."));
  held[1]?.resolve();
  expect(await text(answer)).toContain("[DONE]");
});

it("takes no more of a stream from the provider than the program reads", async () => {
  const piece = Buffer.from(event("word ".repeat(3_000)).repeat(4));
  const pieces = 1_000;
  let taken = 0;
  const { url, authorization, budget } = await openBefore(async (_, response) => {
    response.writeHead(200, stream);
    for (let at = 0; at < pieces; at += 1) {
      taken += piece.length;
      if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end(end);
  });
  const answer = await post(url, authorization);
  // On a busy machine a pause says little.
  for (let pauses = 0, before = -1; pauses < 4; pauses = taken === before ? pauses + 1 : 0) {
    before = taken;
    await sleep(250);
  }
  // What the buffers of two sockets hold; of sixty megabytes.
  expect(taken).toBeLessThan((pieces * piece.length) / 4);
  let read = 0;
  for await (const chunk of answer) read += (chunk as Buffer).length;
  expect(read).toBeGreaterThan(pieces * piece.length);
  await budget.flush();
  expect((await budget.balance()).reserved).toEqual(usd(0));
});

it("streams a body of any size on to the provider while the program still sends it", async () => {
  let received = 0;
  const { url, authorization } = await openBefore(async (request, response) => {
    for await (const chunk of request) received += (chunk as Buffer).length;
    response.end("{}");
  });
  const piece = Buffer.alloc(1 << 20, "x");
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(`${url}/files`, { method: "POST", headers: { authorization } }, resolve);
    request.on("error", reject);
    void (async () => {
      request.write(piece);
      await vi.waitFor(() => expect(received).toBe(piece.length));
      for (let at = 0; at < 40; at += 1) {
        if (!request.write(piece)) await new Promise((drained) => request.once("drain", drained));
      }
      request.end();
    })();
  });
  expect((await answered).statusCode).toBe(200);
  expect(received).toBe(41 * piece.length);
});

it("keeps a connection open for longer than any client does, and answers on it again", async () => {
  const { url, authorization } = await openBefore((_, response) => response.end("{}"));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  ends.push(() => agent.destroy());
  const ports = new Set<number | undefined>();
  for (let turn = 0; turn < 2; turn += 1) {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(`${url}/models`, { agent, headers: { authorization } }, resolve).on("error", reject).end();
    });
    ports.add(answer.socket.localPort);
    expect(answer.headers["keep-alive"]).toBe("timeout=600");
    await text(answer);
  }
  expect(ports.size).toBe(1);
});

it("waits for a model that thinks for an hour before its headers, and another one before its body", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  ends.push(() => vi.useRealTimers());
  const steps = [latch(), latch()];
  const arrived = latch();
  const { url, authorization } = await openBefore(async (_, response) => {
    arrived.resolve();
    await steps[0]?.promise;
    response.writeHead(200, stream);
    response.write(event("Well,"));
    await steps[1]?.promise;
    response.end(end);
  });
  const answered = post(url, authorization);
  await arrived.promise;
  await vi.advanceTimersByTimeAsync(3_600_000);
  steps[0]?.resolve();
  const answer = await answered;
  await vi.advanceTimersByTimeAsync(3_600_000);
  steps[1]?.resolve();
  expect(answer.statusCode).toBe(200);
  expect(await text(answer)).toContain("[DONE]");
});

it("sends nothing to where an upstream redirects", async () => {
  let elsewhere = 0;
  const other = await listen((_, response) => {
    elsewhere += 1;
    response.end();
  });
  const { url, authorization } = await openBefore((_, response) => {
    response.writeHead(308, { location: `${other}/v1/chat/completions` }).end();
  });
  const answer = await post(url, authorization);
  expect({ status: answer.statusCode, location: answer.headers.location }).toEqual({
    status: 502,
    location: undefined,
  });
  expect(await text(answer)).toContain("redirected the request");
  expect(elsewhere).toBe(0);
});

it.each([
  ["CONNECT", "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n", /^$/],
  [
    "an upgrade to HTTP/2",
    "GET /openai/v1/models HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    /^HTTP\/1\.1 426 /,
  ],
  ["a request without a Host", "GET /openai/v1/models HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
  ["the absolute form", "GET http://127.0.0.1/openai/v1/models HTTP/1.1\r\nHost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
])("answers %s without the upstream", async (_, bytes, expected) => {
  let asked = 0;
  const { url } = await openBefore((__, response) => {
    asked += 1;
    response.end();
  });
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  ends.push(() => socket.destroy());
  socket.write(bytes);
  const answer = await Promise.race([
    new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data)))),
    new Promise<string>((resolve) => socket.once("close", () => resolve(""))),
  ]);
  expect(answer).toMatch(expected);
  expect(asked).toBe(0);
});
