import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRuntime, RawClient, settle } from "./support.ts";

describe("laws of the runtime", () => {
  it("whatever drops, resumes and acknowledgements happen, each event comes once and in order", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("settle" as const), turns: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("ack" as const), behind: fc.nat(20) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("drop" as const), verb: fc.constantFrom("hello", "resume") }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("takeover" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 10, max: 200 }), async (steps, room) => {
        const { runtime, clock } = createRuntime({ maxOutboxFrames: room });
        const count = 150;
        runtime.agent("count", async (context) => {
          for (let at = 0; at < count; at++) await context.log("info", String(at));
        });
        const seen: number[] = [];
        let client = new RawClient(runtime);
        let welcome = await client.hello();
        await client.submit({ agent: "count" });
        /** Takes in what came, and says how far that goes. */
        const take = (): number => {
          for (const { event_seq } of client.frames.splice(0)) if (event_seq !== undefined) seen.push(event_seq);
          return seen.length;
        };
        const come = async (verb: string): Promise<void> => {
          const resume = {
            session_id: welcome.session_id,
            resume_token: welcome.payload["resume_token"],
            last_event_seq: take(),
          };
          const next = new RawClient(runtime);
          if (verb === "resume")
            next.send("session.resume", { ...resume, auth: { scheme: "bearer", token: "tok-alice" } });
          else
            next.send("session.hello", {
              client: { name: "raw", version: "0" },
              auth: { scheme: "bearer", token: "tok-alice" },
              capabilities: { features: ["ack"] },
              resume,
            });
          client = next;
          await settle(1);
          while (client.frames[0] === undefined) await settle(1);
          expect(client.frames[0].type).toBe("session.welcome");
          welcome = client.frames[0];
        };
        for (const next of steps) {
          if (next.kind === "settle") await settle(next.turns);
          else if (next.kind === "ack")
            client.send("session.ack", { last_processed_seq: Math.max(0, take() - next.behind) });
          else if (next.kind === "takeover") await come("hello");
          else {
            await client.drop();
            await come(next.verb);
          }
        }
        for (let turn = 0; turn < 200 && take() < count + 2; turn++) {
          client.send("session.ack", { last_processed_seq: take() });
          await clock.advance(100);
        }
        expect(seen).toEqual(Array.from({ length: count + 2 }, (_, at) => at + 1));
        runtime.close();
      }),
      { numRuns: 60 },
    );
  });

  it("whatever a client sends, the runtime answers or ignores it, and goes on serving others", async () => {
    const types = [
      "session.hello",
      "session.resume",
      "session.close",
      "session.ping",
      "session.pong",
      "session.ack",
      "session.list_jobs",
      "job.submit",
      "job.cancel",
      "job.subscribe",
      "job.unsubscribe",
      "x-vendor.a.b",
      "__proto__",
      "",
    ];
    const known = fc.record(
      {
        agent: fc.constantFrom("echo", "wait", "echo@1", "__proto__", "constructor"),
        job_id: fc.constantFrom("job_x", "__proto__"),
        lease_request: fc.dictionary(
          fc.constantFrom("tool.call", "cost.budget", "__proto__", "fs.read"),
          fc.array(fc.string()),
        ),
        idempotency_key: fc.string({ maxLength: 3 }),
        filter: fc.jsonValue(),
        cursor: fc.string(),
        last_processed_seq: fc.jsonValue(),
        max_runtime_sec: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const frame = fc.record(
      {
        arcp: fc.constantFrom("1.1", "1.0", 1),
        id: fc.oneof(fc.uuid(), fc.jsonValue()),
        type: fc.constantFrom(...types),
        session_id: fc.oneof(fc.constant(undefined), fc.jsonValue()),
        job_id: fc.oneof(fc.constant(undefined), fc.jsonValue()),
        trace_id: fc.oneof(fc.constant(undefined), fc.string()),
        payload: fc.oneof(known, fc.jsonValue()),
        extensions: fc.oneof(fc.constant(undefined), fc.jsonValue()),
      },
      { requiredKeys: ["arcp", "id", "type", "payload"] },
    );
    const text = fc.oneof(
      { weight: 9, arbitrary: frame.map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: fc.string() },
    );
    const dialect = fc.constantFrom("spec" as const, "ts" as const, "py" as const, "go" as const);
    await fc.assert(
      fc.asyncProperty(dialect, fc.boolean(), fc.array(text, { maxLength: 30 }), async (name, greets, texts) => {
        const { runtime } = createRuntime({ dialect: name });
        const stranger = new RawClient(runtime);
        if (greets) await stranger.hello();
        for (const line of texts) stranger.transport.send(line);
        await settle();
        for (const { type, payload } of stranger.frames)
          expect([typeof type, typeof payload]).toEqual(["string", "object"]);
        const client = new RawClient(runtime);
        await client.hello({ token: "tok-bob" });
        await client.submit({ agent: "echo", input: 1 });
        const end = await client.nextOf("job.result");
        expect(end.payload["result"] ?? end.payload["output"]).toEqual({ echoed: 1 });
        runtime.close();
      }),
      { numRuns: 150 },
    );
  });
});
