import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ImprestError } from "@imprest/core";
import { type ArcpSession, connect } from "@imprest/arcp";
import { type ArcpRuntime, createArcpRuntime } from "@imprest/arcp/runtime";
import { describe, expect, it } from "vitest";
import { serveAndKill } from "./arcp-server.ts";

/** A job of 20 events, then a result in chunks. */
function scripted(): ArcpRuntime {
  const runtime = createArcpRuntime({ authenticate: () => "alice" });
  runtime.agent("scripted", async (context) => {
    for (let at = 0; at < 20; at++) await context.log("info", `event ${at}`);
    for (const part of ["one ", "two ", "three"]) await context.result.write(part);
  });
  return runtime;
}

const logs = Array.from({ length: 20 }, (_, at) => `event ${at}`);

async function play(session: ArcpSession): Promise<{ readonly messages: string[]; readonly text: string }> {
  const job = await session.submit({ agent: "scripted" });
  const messages: string[] = [];
  const read = async (): Promise<void> => {
    for await (const event of job.events({ kinds: ["log"] }))
      if (event.kind === "log") messages.push(event.body.message);
  };
  const [text] = await Promise.all([job.text(), read()]);
  return { messages, text };
}

describe("a runtime's socket that is killed", () => {
  it("at every frame of a session: the whole result or a typed error, never a hang", { timeout: 120_000 }, async () => {
    const ends = { whole: 0, typed: 0 };
    let index = 0;
    for (let reached = true; reached; index++) {
      const runtime = scripted();
      const server = await serveAndKill(runtime, (frame) => frame === index);
      const options = {
        token: "t",
        backOff: () => 1,
        requestTimeoutMs: 3000,
        handshakeTimeoutMs: 3000,
        lostAfterMs: 500,
      };
      try {
        const session = await connect(server.url, options);
        const seen = await play(session);
        expect(seen).toEqual({ messages: logs, text: "one two three" });
        await session.close();
        if (server.frames > index) ends.whole++;
      } catch (error) {
        if (!ImprestError.isInstance(error)) throw error;
        ends.typed++;
      }
      reached = server.frames > index;
      server.close();
      runtime.close();
    }
    console.info(`killed at ${index - 1} frame indexes: ${ends.whole} whole, ${ends.typed} typed errors`);
    expect(index).toBeGreaterThan(26);
    // Only the first connection, which nothing can resume, may fail.
    expect(ends.typed).toBeLessThanOrEqual(2);
  });

  it("fifty times within 200,000 events: each comes once, and memory stays flat", { timeout: 180_000 }, async () => {
    const total = 200_000;
    const runtime = createArcpRuntime({ authenticate: () => "alice", maxHistoryEvents: 1000 });
    runtime.agent("chatty", async (context) => {
      for (let at = 0; at < total; at++) await context.log("info", `${at}`);
    });
    let kills = 0;
    const server = await serveAndKill(runtime, (frame) => {
      const dies = kills < 50 && frame > (kills + 1) * 3900;
      if (dies) kills++;
      return dies;
    });
    const session = await connect(server.url, { token: "t", backOff: () => 1 });
    const job = await session.submit({ agent: "chatty" });
    const heap: number[] = [];
    let next = 0;
    for await (const event of job) {
      if (event.kind === "gap") throw new Error(`a gap of ${JSON.stringify(event.body)}`);
      if (event.kind !== "log") continue;
      if (event.body.message !== `${next}`) throw new Error(`${event.body.message} came instead of ${next}`);
      next++;
      if (next % 50_000 === 0) heap.push(heapAfterCollection());
    }
    expect([next, kills, server.connections]).toEqual([total, 50, 51]);
    expect((await job.outcome()).status).toBe("success");
    console.info(`heap after each 50,000 events, MB: ${heap.map((bytes) => (bytes / 1e6).toFixed(1)).join(" ")}`);
    expect((heap.at(-1) ?? 0) - (heap[0] ?? 0)).toBeLessThan(16e6);
    await session.close();
    server.close();
    runtime.close();
  });
});

function heapAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
