import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDeferred } from "@imprest/core";
import type { ArcpTransport, TransportClosed } from "../../src/index.ts";
import { type AnyFrame, ScriptedRuntime, refusal } from "../support/scripted-runtime.ts";
import { connect } from "../../src/index.ts";
import { drive, turn } from "../support/manual-clock.ts";

/** A transport whose frames a test delivers itself, so that what the client throws comes back to the test. */
class OpenTransport implements ArcpTransport {
  readonly confidential = true;
  readonly #closed = createDeferred<TransportClosed>();
  readonly closed: Promise<TransportClosed> = this.#closed.promise;
  readonly sent: AnyFrame[] = [];
  deliver: (text: string) => void = () => {};

  send(text: string): void {
    this.sent.push(JSON.parse(text) as AnyFrame);
  }

  onMessage(listener: (text: string) => void): void {
    this.deliver = listener;
  }

  close(code?: number): void {
    this.#closed.resolve({ code });
  }
}

/** JSON texts that a careless reader stumbles over. */
const hostileJson = fc.oneof(
  fc.constantFrom(
    "null",
    "true",
    '""',
    '"job_1"',
    '"x"',
    '"__proto__"',
    '"error"',
    '"success"',
    '"cost.tokens"',
    "0",
    "1",
    "-1",
    "1e-9",
    "1e308",
    "9007199254740993",
    "-9007199254740993",
    "[]",
    "[null]",
    "[[]]",
    "{}",
    // An object that cannot become a string.
    '{"toString":1,"valueOf":1}',
    '[{"toString":1,"valueOf":1}]',
    '{"__proto__":{"id":1},"constructor":1}',
    '{"toJSON":1}',
    '[{"id":"c","value":"v","endpoint":"::","scheme":7}]',
    '{"USD":{"toString":1},"EUR":"x:1e999","TOK":9007199254740993}',
  ),
  fc.json(),
);

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
const kinds = ["log", "tool_result", "status", "metric", "delegate", "progress", "result_chunk", "x-vendor.a.b", "other"];
const codes = ["JOB_NOT_FOUND", "PERMISSION_DENIED", "DUPLICATE_KEY", "INTERNAL_ERROR", "INVALID_REQUEST"];
const bodyMembers = "name value unit phase id result_id chunk_seq data encoding more current total level message agent call_id";
const payloadMembers =
  "ts job_id request_id parent_job_id delegate_id code message retryable details final_status result output result_id " +
  "result_size sha256 summary agent lease lease_constraints budget credentials trace_id current_status subscribed_from " +
  "replayed jobs next_cursor nonce ping_nonce reason";

function members(names: string, fixed: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  const free = fc.uniqueArray(fc.tuple(fc.constantFrom(...names.split(" ")), hostileJson), {
    selector: ([name]) => name,
    maxLength: 8,
  });
  return fc.tuple(free, fc.record(fixed, { requiredKeys: [] })).map(([entries, known]) => {
    const all = { ...known, ...Object.fromEntries(entries) };
    return `{${Object.entries(all).map(([name, text]) => `"${name}":${text}`).join(",")}}`;
  });
}

const oneOf = (texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts.map((text) => `"${text}"`));
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
const frames = fc.tuple(
  oneOf(types),
  fc.option(fc.oneof(oneOf(["job_1", "job_2"]), hostileJson), { nil: undefined }),
  fc.oneof(fc.constant("next"), fc.constant(undefined), hostileJson),
  fc.option(fc.oneof(oneOf(["t"]), hostileJson), { nil: undefined }),
  fc.oneof({ weight: 5, arbitrary: payload }, { weight: 1, arbitrary: hostileJson }),
);

describe("a hostile runtime", () => {
  it("arcp 3.3 C8, 6 F10, F15: no frame throws into the transport, and every promise settles", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frames, { minLength: 1, maxLength: 12 }), async (sent) => {
        const { clock, defaultWelcome } = new ScriptedRuntime();
        const transport = new OpenTransport();
        const connecting = connect(transport, { token: "secret-token", clock });
        await turn();
        transport.deliver(JSON.stringify(new ScriptedRuntime().defaultWelcome()));
        void defaultWelcome;
        const session = await connecting;
        session.on("frame", () => {});
        const submitting = session.submit({ agent: "echo" });
        await turn();
        transport.deliver(
          '{"type":"job.accepted","payload":{"job_id":"job_1","lease":{},"budget":{"USD":1,"TOK":9007199254740993}}}',
        );
        const job = await submitting;
        const pages = (async () => {
          for await (const { raw } of session.listJobs()) void raw;
        })();
        const work = [
          refusal(job.result()),
          refusal(Array.fromAsync(job)),
          refusal(job.stream().text()),
          refusal(session.submit({ agent: "echo" })),
          refusal(session.subscribe("job_2", { history: true })),
          refusal(job.cancel()),
          refusal(pages),
        ].map((promise) => promise.catch(() => "settled"));
        await turn();
        let seq = 0;
        for (const [type, jobId, eventSeq, traceId, text] of sent) {
          const header = [`"type":${type}`];
          if (jobId !== undefined) header.push(`"job_id":${jobId}`);
          if (traceId !== undefined) header.push(`"trace_id":${traceId}`);
          if (eventSeq !== undefined) header.push(`"event_seq":${eventSeq === "next" ? ++seq : eventSeq}`);
          transport.deliver(`{${header.join(",")},"payload":${text}}`);
          await turn();
        }
        void session.close();
        const ends = await drive(clock, Promise.all(work));
        expect(ends).toHaveLength(work.length);
      }),
      { numRuns: Number(process.env["RUNS"] ?? 300) },
    );
  });
});
