import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arcpFeatures } from "@imprest/core/models/arcp";
import type { DialectName } from "../../src/runtime/index.ts";
import { OpenTransport, hostileJson, members, oneOf } from "../support/hostile.ts";
import { createRuntime, settle } from "./support.ts";

const types = [
  "job.submit",
  "job.cancel",
  "job.subscribe",
  "job.unsubscribe",
  "session.list_jobs",
  "session.ack",
  "session.ping",
  "session.pong",
  "session.resume",
  "session.hello",
  "job.event",
  "x-vendor.a.b",
];
const payload = members(
  "agent input lease_request lease_constraints idempotency_key max_runtime_sec job_id reason history from_event_seq " +
    "filter limit cursor last_processed_seq nonce sent_at auth client capabilities resume session_id resume_token",
  {
    agent: oneOf(["echo", "wait", "echo@1.0.0"]),
    idempotency_key: oneOf(["k"]),
    lease_request: members("cost.budget fs.read net.fetch tool.call model.use", {
      "cost.budget": fc.constantFrom('["USD:1"]', '["USD:1","USD:2"]', '["USD:9999999999999999999.000000000001"]'),
    }),
    lease_constraints: members("expires_at", { expires_at: oneOf(["2999-01-01T00:00:00Z", "275760-09-13T00:00:00Z"]) }),
    filter: members("status agent created_after created_before", {}),
  },
);
const envelopes = fc
  .record(
    {
      type: fc.oneof({ weight: 9, arbitrary: oneOf(types) }, hostileJson),
      payload: fc.oneof({ weight: 5, arbitrary: payload }, hostileJson),
      arcp: hostileJson,
      id: hostileJson,
      job_id: hostileJson,
      trace_id: hostileJson,
      session_id: hostileJson,
      extensions: hostileJson,
    },
    { requiredKeys: ["type", "payload"] },
  )
  .map((envelope) => (at: number) => {
    const whole = { arcp: '"1.1"', id: `"msg_01${String(at).padStart(24, "0")}"`, ...envelope };
    const texts = Object.entries(whole).map(([name, text]) => `"${name}":${text}`);
    return `{${texts.join(",")}}`;
  });

describe("a hostile client", () => {
  it.each<DialectName>(["spec", "ts", "py", "go"])(
    "no frame throws into the transport of a %s runtime, and others are served as before",
    async (dialect) => {
      await fc.assert(
        fc.asyncProperty(fc.array(envelopes, { minLength: 1, maxLength: 8 }), async (sent) => {
          const { runtime } = createRuntime({ dialect });
          const [hostile, other] = [new OpenTransport(), new OpenTransport()];
          const hello = (token: string): string =>
            JSON.stringify({
              arcp: "1.1",
              id: "msg_01HZZZZZZZZZZZZZZZZZZZZZZZ",
              type: "session.hello",
              payload: {
                client: { name: "raw", version: "0" },
                auth: { scheme: "bearer", token },
                capabilities: { encodings: ["json"], features: arcpFeatures },
              },
            });
          for (const transport of [hostile, other]) runtime.accept(transport);
          hostile.deliver(hello("tok-alice"));
          await settle(1);
          let at = 0;
          for (const frame of sent) {
            hostile.deliver(frame(++at));
            await settle(1);
          }
          other.deliver(hello("tok-bob"));
          await settle(1);
          expect(other.sent[0]).toContain('"session.welcome"');
          runtime.close();
          await settle(1);
        }),
        { numRuns: 300 },
      );
    },
  );
});
