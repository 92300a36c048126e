import { type ArcpSession, connect } from "@imprest/arcp";
import { WebSocket } from "ws";
import { type Effort, type Group, compare, timed } from "./measure.ts";
import { startPeer } from "./peer.ts";

/**
 * The client over WebSocket on loopback, the runtime in its own process, against raw `ws` with `JSON.parse`: events one
 * way, and submits with their results one after the other against echoes.
 */
export async function* arcp(effort: Effort): AsyncGenerator<Group> {
  using server = await startPeer<ArcpServer>("arcp-server.ts");
  const { port, url, frameLength } = server.told;
  const session = await connect(url, { token: "bench" });
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  try {
    await new Promise((resolve) => socket.once("open", resolve));
    const events = effort.count(20_000);
    const oneWay = { count: 1, per: events };
    const roundTrips = { count: effort.count(2_000) };
    const rounds = effort.rounds(7);
    yield await compare(
      { title: `ARCP events of ${frameLength} characters, one way`, unit: "events/s", rounds },
      {
        "raw ws, JSON.parse": timed(() => receiveRaw(socket, events), oneWay),
        "events of a job": timed(() => receiveJob(session, events), oneWay),
      },
    );
    yield await compare(
      { title: "ARCP round trips, one after the other", unit: "trips/s", rounds },
      {
        "raw ws, echo": timed(() => echo(socket), roundTrips),
        "submit, result": timed(() => submit(session), roundTrips),
      },
    );
  } finally {
    await session.close();
    socket.close();
  }
}

/** What the ARCP server sends of itself. */
export interface ArcpServer {
  /** Of the raw baseline. */
  readonly port: number;
  readonly url: string;
  readonly frameLength: number;
}

function receiveRaw(socket: WebSocket, events: number): Promise<void> {
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

export async function receiveJob(session: ArcpSession, events: number): Promise<void> {
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
