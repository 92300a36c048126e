import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { collect } from "../support/collect.ts";
import { OpenTransport, hostileJson, members, oneOf } from "../support/hostile.ts";
import type { ManualClock } from "@imprest/testing";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";

const types = [
  "job.event",
  "job.result",
  "job.error",
  "job.accepted",
  "job.cancelled",
  "job.subscribed",
  "session.jobs",
  "session.error",
  "session.pong",
  "session.ping",
  "session.welcome",
  "session.closed",
  "x-vendor.a.b",
];
const kinds = [
  "log",
  "tool_result",
  "status",
  "metric",
  "delegate",
  "progress",
  "result_chunk",
  "x-vendor.a.b",
  "other",
];
const codes = ["JOB_NOT_FOUND", "PERMISSION_DENIED", "DUPLICATE_KEY", "INTERNAL_ERROR", "INVALID_REQUEST"];
const bodyMembers =
  "name value unit phase id result_id chunk_seq data encoding more current total level message agent call_id";
const payloadMembers =
  "ts job_id request_id parent_job_id delegate_id code message retryable details final_status result output result_id " +
  "result_size sha256 summary agent lease lease_constraints budget credentials trace_id current_status subscribed_from " +
  "replayed jobs next_cursor nonce ping_nonce reason";

const goodBody = {
  name: fc.constantFrom('"cost.tokens"', '"cost.budget.remaining"'),
  value: hostileJson,
  unit: fc.constantFrom('"USD"', '"TOK"'),
  phase: fc.constant('"credential_rotated"'),
  result_id: fc.constant('"r"'),
  chunk_seq: fc.constantFrom("0", "1"),
  data: fc.constantFrom('"a"', '"!"'),
  encoding: fc.constantFrom('"utf8"', '"base64"'),
  more: fc.constantFrom("true", "false"),
  current: fc.constant("1"),
  level: fc.constant('"info"'),
  message: fc.constant('"m"'),
};
const payload = members(payloadMembers, {
  kind: oneOf(kinds),
  body: fc.oneof(members(bodyMembers, goodBody), hostileJson),
  code: oneOf(codes),
  job_id: oneOf(["job_1", "job_2"]),
});
const welcomePayload = members(
  "session_id runtime resume_token resume_window_sec heartbeat_interval_sec capabilities code message retryable details",
  {
    capabilities: members("features agents encodings", { features: fc.constant('["heartbeat",7,null]') }),
    runtime: members("name version", {}),
  },
);

/** A frame as text, by the number that comes next. */
const frames: fc.Arbitrary<(next: number) => string> = fc
  .record(
    {
      type: oneOf(types),
      payload: fc.oneof({ weight: 5, arbitrary: payload }, { weight: 1, arbitrary: hostileJson }),
      job_id: fc.oneof(oneOf(["job_1", "job_2"]), hostileJson),
      event_seq: fc.oneof(fc.constant("next"), hostileJson),
      trace_id: fc.oneof(oneOf(["t"]), hostileJson),
    },
    { requiredKeys: ["type", "payload"] },
  )
  .map((members) => (next) => {
    const texts = Object.entries(members).map(([name, text]) => `"${name}":${text === "next" ? next : text}`);
    return `{${texts.join(",")}}`;
  });

/** How a call may end: an error of this library, with the runtime's own code where it gave one. */
const untyped = ["TypeError", "RangeError", "SyntaxError", "ReferenceError", "Error"];

describe("a hostile runtime", () => {
  it("no frame throws into the transport, and every promise settles, with a typed error", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frames, { minLength: 1, maxLength: 12 }), async (sent) => {
        const { clock, welcome } = await greeting();
        const transport = new OpenTransport();
        const connecting = connect(transport, { token: "secret-token", clock });
        await turn();
        transport.deliver(welcome);
        const session = await connecting;
        session.on("frame", () => {});
        const submitting = session.submit({ agent: "echo" });
        await turn();
        transport.deliver('{"type":"job.accepted","payload":{"job_id":"job_1","lease":{},"budget":{"USD":1}}}');
        const job = await submitting;
        const calls: Promise<unknown>[] = [
          job.result(),
          collect(job),
          job.stream().text(),
          session.submit({ agent: "echo" }),
          session.subscribe("job_2", { history: true }),
          job.cancel(),
          collect(session.listJobs()),
        ];
        const ends = calls.map((call) =>
          call.then(
            () => "settled",
            (error: unknown) => refusal(Promise.reject(error)),
          ),
        );
        await turn();
        let seq = 0;
        for (const frame of sent) {
          transport.deliver(frame(++seq));
          await turn();
        }
        void session.close();
        for (const end of await clock.drive(Promise.all(ends))) expect(untyped).not.toContain(end);
      }),
      { numRuns: 1000 },
    );
  });

  it("nor does anything that comes instead of a welcome", async () => {
    const welcomes = fc.tuple(
      oneOf(["session.welcome", "session.error"]),
      fc.oneof(welcomePayload, hostileJson),
      hostileJson,
    );
    await fc.assert(
      fc.asyncProperty(welcomes, async ([type, text, id]) => {
        const { clock } = await greeting();
        const transport = new OpenTransport();
        const connecting = connect(transport, { token: "secret-token", clock }).then(
          (session) => session.close(),
          (error: unknown) => refusal(Promise.reject(error)),
        );
        await turn();
        transport.deliver(`{"type":${type},"session_id":${id},"payload":${text}}`);
        expect(untyped).not.toContain(await clock.drive(connecting));
      }),
      { numRuns: 1000 },
    );
  });
});

/** A clock, and what a well-behaved runtime says first. */
async function greeting(): Promise<{ readonly clock: ManualClock; readonly welcome: string }> {
  const runtime = new ScriptedRuntime();
  const connection = runtime.dial();
  const welcome = new Promise<string>((resolve) => connection.onMessage(resolve));
  connection.send('{"type":"session.hello"}');
  return { clock: runtime.clock, welcome: await welcome };
}
