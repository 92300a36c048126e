import { describe, expect, it, vi } from "vitest";
import { type ArcpEvent, type ArcpJob, type ArcpSession, connect, createMemoryPair } from "../../src/index.ts";
import { createArcpRuntime } from "../../src/runtime/index.ts";
import { createManualClock } from "@imprest/testing";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";
import type { ArcpTransport } from "../../src/index.ts";

async function submitted(runtime: ScriptedRuntime, session: ArcpSession): Promise<ArcpJob> {
  const submitting = session.submit({ agent: "echo" });
  await runtime.until("job.submit");
  runtime.accept("job_1");
  return submitting;
}

const acknowledged = (runtime: ScriptedRuntime): number[] =>
  runtime.framesOf("session.ack").map(({ payload }) => payload.last_processed_seq);

describe("acknowledgement", () => {
  it("one for a thousand events, one when all is done, none in between", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const reading = (async () => {
      let count = 0;
      for await (const event of job) count += event.seq > 0 ? 1 : 0;
      return count;
    })();
    for (let at = 0; at < 5002; at++) {
      runtime.log("job_1", `${at}`);
      if (at % 10 === 0) await turn();
    }
    runtime.succeed("job_1");
    expect(await reading).toBe(5002);
    await runtime.clock.advance(2000);
    const seen = acknowledged(runtime);
    expect(seen.at(-1)).toBe(5003);
    expect(seen.length).toBeGreaterThanOrEqual(5);
    expect(seen.length).toBeLessThanOrEqual(7);
    expect(seen).toEqual(seen.toSorted((left, right) => left - right));
  });

  it("what a consumer has not processed is not acknowledged", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const iterator = job.events();
    for (let at = 1; at <= 3; at++) runtime.log("job_1", `${at}`);
    await iterator.next();
    await runtime.clock.advance(300);
    expect(acknowledged(runtime)).toEqual([]);
    await iterator.next();
    await runtime.clock.advance(300);
    expect(acknowledged(runtime)).toEqual([1]);
    await iterator.return?.();
    await runtime.clock.advance(300);
    expect(acknowledged(runtime)).toEqual([1, 3]);
    await runtime.clock.advance(5000);
    expect(acknowledged(runtime)).toEqual([1, 3]);
  });

  it("nothing is acknowledged where acknowledgement was not negotiated", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ features: ["heartbeat", "list_jobs"] });
    const job = await submitted(runtime, session);
    runtime.succeed("job_1");
    await job.result();
    await runtime.clock.advance(5000);
    expect(acknowledged(runtime)).toEqual([]);
  });
});

describe("heartbeats", () => {
  it("answers pings, pings when idle, and calls a silent runtime lost", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.send({ type: "session.ping", payload: { nonce: "p_1", sent_at: "x" } });
    expect((await runtime.until("session.pong")).payload.ping_nonce).toBe("p_1");
    await runtime.clock.advance(31_000);
    expect(runtime.framesOf("session.ping").length).toBeGreaterThan(0);
    await runtime.clock.advance(60_000);
    expect(runtime.warnings).toContain("HEARTBEAT_LOST");
    expect(runtime.received.length).toBe(2);
    expect(runtime.received[1]?.[0]?.payload.resume.session_id).toBe(session.id);
  });

  it.each([1e-9, 0.001, 0.999])("an interval of %d s does not make a client spin", async (heartbeat_interval_sec) => {
    const runtime = new ScriptedRuntime();
    runtime.welcome = { heartbeat_interval_sec };
    runtime.onFrame = ({ type, payload }) => {
      if (type === "session.ping") runtime.send({ type: "session.pong", payload: { ping_nonce: payload.nonce } });
    };
    const session = await runtime.connect();
    await runtime.clock.advance(10_000);
    expect(runtime.framesOf("session.ping").length).toBeLessThanOrEqual(20);
    expect([session.state, runtime.warnings]).toEqual(["live", []]);
  });

  it("a machine that slept asks before it gives up", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    runtime.onFrame = (frame) => {
      if (frame.type === "session.ping")
        runtime.send({ type: "session.pong", payload: { ping_nonce: frame.payload.nonce } });
    };
    // The host's timers stood still for an hour.
    runtime.clock.stall(3_600_000);
    await runtime.clock.advance(20_000);
    expect([session.state, runtime.received.length]).toEqual(["live", 1]);
  });
});

describe("back-pressure", () => {
  it.each([
    ["reading is paused", true],
    ["the connection is dropped and resumed where reading cannot be paused", false],
  ])("for a slow consumer %s; memory stays bounded and nothing is lost", async (_, canPause) => {
    const clock = createManualClock();
    const runtime = createArcpRuntime({ authenticate: () => "alice", clock, ackPatienceMs: 60_000 });
    const total = 3000;
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < total; at++) await context.log("info", `${at} ${"x".repeat(500)}`);
    });
    let connections = 0;
    const dial = (): ArcpTransport => {
      connections++;
      const [client, far] = createMemoryPair();
      runtime.accept(far);
      return canPause ? client : withoutPause(client);
    };
    const states: string[] = [];
    const session = await connect(dial, { token: "t", clock, bufferSize: 100_000, backOff: () => 5 });
    session.on("state", ({ state }) => states.push(state));
    const job = await session.submit({ agent: "chatty" });
    const read = async (): Promise<number[]> => {
      const seen: number[] = [];
      for await (const event of job.events({ kinds: ["log"] })) {
        if (event.kind === "log") seen.push(Number.parseInt(event.body.message, 10));
        if (seen.length % 50 === 0) await turn();
      }
      return seen;
    };
    expect(await clock.drive(read())).toEqual(Array.from({ length: total }, (__, at) => at));
    expect(connections > 1).toBe(!canPause);
    expect(states.includes("suspended")).toBe(!canPause);
    await session.close();
    runtime.close();
  });

  it("a consumer that stands still is cut off and stops nobody else", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ bufferSize: 5000, stallTimeoutMs: 2000 });
    runtime.onFrame = (frame) => {
      if (frame.type !== "session.list_jobs") return;
      runtime.send({ type: "session.jobs", payload: { request_id: frame.id, jobs: [] } });
    };
    const job = await submitted(runtime, session);
    const stuck = job.events();
    const fine = (async () => {
      const seen: ArcpEvent[] = [];
      for await (const event of job) seen.push(event);
      return seen.length;
    })();
    let resumed = 0;
    const send = (from: number): void => {
      runtime.nextSeq = from;
      for (let at = from; at <= 40; at++)
        runtime.event("job_1", "log", { level: "info", message: "x" }, { id: `e${at}` });
      runtime.succeed("job_1");
    };
    runtime.onHello = ({ payload }) => {
      resumed++;
      queueMicrotask(() => send(payload.resume.last_event_seq + 1));
      return undefined;
    };
    send(1);
    expect(await runtime.clock.drive(fine)).toBe(40);
    expect(resumed).toBeGreaterThan(0);
    expect(await refusal(stuck.next())).toBe("ConsumerStalledError");
    expect(await job.result()).toBe("done");
  });
});

describe("the hot path", () => {
  it("a frame is parsed once, however many consumers read its event", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const job = await submitted(runtime, session);
    const parse = vi.spyOn(JSON, "parse");
    try {
      const readers = [job.events(), job.events({ kinds: ["log"] }), job.events()].map(async (events) => {
        let count = 0;
        for await (const event of events) if (event.kind === "log") count++;
        return count;
      });
      for (let at = 0; at < 100; at++) runtime.log("job_1", `${at}`);
      runtime.succeed("job_1");
      expect(await Promise.all(readers)).toEqual([100, 100, 100]);
      expect(parse.mock.calls.filter(([text]) => text.includes('"job.event"'))).toHaveLength(100);
    } finally {
      parse.mockRestore();
    }
  });
});

/** A transport that, like a WebSocket, cannot stop reading. */
function withoutPause(transport: ArcpTransport): ArcpTransport {
  return {
    confidential: transport.confidential,
    closed: transport.closed,
    send: (text) => transport.send(text),
    onMessage: (listener) => transport.onMessage(listener),
    close: (code, reason) => transport.close(code, reason),
  };
}
