import { type ChildProcess, fork } from "node:child_process";
import { type ArcpSession, connect } from "@imprest/arcp";
import { WebSocket } from "ws";
import { type Round, median, round, row } from "./measure.ts";

const events = 20_000;
const roundTrips = 2_000;
const rounds = 7;

interface Server {
  readonly port: number;
  readonly url: string;
  readonly frameLength: number;
}

/**
 * The client over WebSocket on loopback, the runtime in its own process, against raw `ws` with `JSON.parse` in the same
 * run: 20,000 events one way, and submits with their results one after the other against echoes.
 */
export async function arcp(): Promise<void> {
  const child = fork(new URL("arcp-server.ts", import.meta.url), { execArgv: ["--conditions=@imprest/source"] });
  const server = await started(child);
  const session = await connect(server.url, { token: "bench" });
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
  await new Promise((resolve) => socket.once("open", resolve));
  const modes = {
    rawEvents: () => oneWay(() => receiveRaw(socket)),
    clientEvents: () => oneWay(() => receiveJob(session)),
    rawEcho: () => round(() => echo(socket), roundTrips, 1),
    clientSubmit: () => round(() => submit(session), roundTrips, 1),
  };
  const results = new Map<string, Round[]>();
  for (let at = 0; at <= rounds; at++) {
    for (const [name, run] of Object.entries(modes)) {
      const result = await run();
      if (at > 0) results.set(name, [...(results.get(name) ?? []), result]);
    }
  }
  await session.close();
  socket.close();
  child.kill();
  report(results, server.frameLength);
}

function started(child: ChildProcess): Promise<Server> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Server));
    child.once("exit", (code) => reject(new Error(`the ARCP server ended with code ${code}`)));
  });
}

async function oneWay(receive: () => Promise<void>): Promise<Round> {
  const { perSecond, cpuMicros } = await round(receive, 1, 1);
  return { perSecond: perSecond * events, cpuMicros: cpuMicros / events };
}

function receiveRaw(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    const take = (data: Buffer): void => {
      JSON.parse(data.toString());
      if (++seen < events) return;
      socket.off("message", take);
      resolve();
    };
    socket.on("message", take);
    socket.send(String(events));
  });
}

async function receiveJob(session: ArcpSession): Promise<void> {
  const job = await session.submit({ agent: "events", input: events });
  let seen = 0;
  for await (const event of job) if (event.kind === "log") seen++;
  if (seen !== events) throw new Error(`${seen} events came instead of ${events}`);
}

function echo(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("message", (data: Buffer) => {
      JSON.parse(data.toString());
      resolve();
    });
    socket.send('{"type":"job.submit","payload":{"agent":"echo","input":1}}');
  });
}

async function submit(session: ArcpSession): Promise<void> {
  const job = await session.submit({ agent: "echo", input: 1 });
  await job.result();
}

function report(results: ReadonlyMap<string, readonly Round[]>, frameLength: number): void {
  const speed = (name: string): number => median((results.get(name) ?? []).map(({ perSecond }) => perSecond));
  const cpu = (name: string): string => median((results.get(name) ?? []).map(({ cpuMicros }) => cpuMicros)).toFixed(1);
  const line = (label: string, name: string, baseline: string): void =>
    console.log(row(label, speed(name), (speed(name) / speed(baseline)).toFixed(2), cpu(name)));
  console.log(`\nARCP client, events of ${frameLength} characters, the other side in its own process`);
  console.log(row("", "per second", "of raw", "µs CPU"));
  line("raw ws, JSON.parse, one way", "rawEvents", "rawEvents");
  line("events of a job", "clientEvents", "rawEvents");
  line("raw ws, echo", "rawEcho", "rawEcho");
  line("submit, result", "clientSubmit", "rawEcho");
}
