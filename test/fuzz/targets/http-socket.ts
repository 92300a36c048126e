import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { serve } from "@imprest/embedded/node";
import type { Chance } from "../mutate.ts";
import type { Target } from "../target.ts";
import { adminKey, assertBalanced, createFuzzedAuthority, key, requests } from "./authority.ts";

const credentials = `Host: a\r\nX-Cycles-API-Key: ${key}\r\nAuthorization: Bearer ${key}\r\nX-Admin-API-Key: ${adminKey}\r\n`;
const proper = requests.map(([target, body]) => {
  const text = body ? JSON.stringify(body) : "";
  return `${body ? "POST" : "GET"} ${target} HTTP/1.1\r\n${credentials}Content-Length: ${text.length}\r\n\r\n${text}`;
});
const reserve = JSON.stringify(requests[1]?.[1]);
const post = (headers: string, body: string): string =>
  `POST /v1/reservations HTTP/1.1\r\n${credentials}${headers}\r\n\r\n${body}`;

const corpus: readonly string[] = [
  ...proper,
  `${proper[0]}${proper[1]}${proper[7]}`,
  post("Transfer-Encoding: chunked", `${reserve.length.toString(16)}\r\n${reserve}\r\n0\r\n\r\n`),
  post("Transfer-Encoding: chunked\r\nContent-Length: 3", `ffffffff\r\n${reserve}`),
  post("Content-Length: 999999999", reserve),
  post("Content-Length: 5\r\nContent-Length: 6", reserve),
  post("Expect: 100-continue\r\nContent-Length: 9", reserve),
  post(`Content-Length: 2\r\n${"X-Flood: yes\r\n".repeat(300)}X: y`, "{}"),
  post(`Content-Length: 2\r\nX-Long: ${"y".repeat(20_000)}`, "{}"),
  post("Content-Length: 6", '"\xc0\x80\xff\xfe"'),
  post("Connection: close\r\nContent-Length: 0", ""),
  `GET /v1/balances HTTP/1.0\r\n${credentials}\r\n`,
  `HEAD /v1/balances?tenant=acme HTTP/1.1\r\n${credentials}\r\n`,
  `OPTIONS * HTTP/1.1\r\n${credentials}\r\n`,
  "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
  `GET http://a/v1/balances?tenant=acme HTTP/1.1\r\n${credentials}\r\n`,
  `GET /v1/events HTTP/1.1\r\n${credentials}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

const socketCount = 32;
const settledMs = 10_000;

/**
 * Raw bytes on many sockets of the real server: pipelined, in pieces, cut off half-way. It answers or hangs up, never with
 * a 5xx; it goes on serving others at once, and no connection outlives its end.
 */
export const httpSocket: Target = {
  name: "http-socket",
  corpus,
  start(chance) {
    const sockets: (Socket | undefined)[] = [];
    const opening = createFuzzedAuthority().then(async (authority) => {
      return { authority, server: await serve(authority, { port: 0, requestTimeoutMs: 400 }) };
    });
    let sent = 0;
    let wrong: string | undefined;
    const onAnswer = (text: string): void => {
      wrong ??= /HTTP\/1\.1 5(?!01)[^]{0,200}/.exec(text)?.[0];
    };
    return async (input) => {
      const { authority, server } = await opening;
      const at = chance.below(socketCount);
      let socket = sockets[at];
      if (socket === undefined || socket.destroyed || !socket.writable) {
        socket = sockets[at] = await dial(server.port, onAnswer);
      }
      await send(socket, input, chance);
      sent += 1;
      if (wrong !== undefined) throw new Error(`answered ${wrong}`);
      if (sent % 250 === 0) {
        await assertServes(server.port);
        await assertAnswers(server.port, chance.one(corpus));
      }
      if (sent % 5_000 === 0) {
        await Promise.all(sockets.map(assertEnds));
        await assertBalanced(authority);
      }
    };
  },
};

async function dial(port: number, onAnswer: (text: string) => void): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  // A server that hangs up on nonsense is in the right.
  socket.on("error", () => {});
  socket.setEncoding("latin1").on("data", onAnswer);
  await once(socket, "connect");
  return socket;
}

/** In one piece or two, and then, now and again, half a goodbye or none. */
async function send(socket: Socket, input: string, chance: Chance): Promise<void> {
  const bytes = Buffer.from(input, "latin1");
  const cut = chance.below(3) === 0 ? chance.below(bytes.length + 1) : bytes.length;
  socket.write(bytes.subarray(0, cut));
  if (cut < bytes.length) {
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(bytes.subarray(cut));
  }
  const leave = chance.below(16);
  if (leave === 0) socket.destroy();
  else if (leave === 1) socket.end();
  // What answers has the same thread: it gets its turn.
  if (leave % 4 === 0 || socket.writableLength > 100_000) await new Promise((resolve) => setImmediate(resolve));
}

/** A stranger's request among the nonsense is answered. */
async function assertServes(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/balances?tenant=acme`, {
    headers: { "x-cycles-api-key": key },
    signal: AbortSignal.timeout(settledMs),
  });
  if (answer.status !== 200) throw new Error(`a proper request was answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** What is sent whole is answered, or hung up on. */
async function assertAnswers(port: number, input: string): Promise<void> {
  const socket = await dial(port, () => {});
  const reaction = Promise.race([once(socket, "data"), once(socket, "close")]);
  socket.write(Buffer.from(input, "latin1"));
  if ((await inTime(reaction)) === "late") throw new Error(`never answered: ${input.slice(0, 200)}`);
  socket.destroy();
}

/** A connection whose sender is done is closed by the server, whatever was left unsaid. */
async function assertEnds(socket: Socket | undefined): Promise<void> {
  if (socket === undefined || socket.destroyed) return;
  const closed = once(socket, "close");
  socket.end();
  if ((await inTime(closed)) === "late") throw new Error("a connection outlived its end");
}

async function inTime<Value>(happening: Promise<Value>): Promise<Value | "late"> {
  const late = new AbortController();
  const first = await Promise.race([happening, delay(settledMs, "late" as const, { signal: late.signal })]);
  late.abort();
  return first;
}
