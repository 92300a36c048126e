import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { ArcpError, ArcpEvent } from "../../src/index.ts";
import { redactFrame } from "../../src/index.ts";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { turn } from "../support/turn.ts";

const credential = {
  id: "cred_1",
  scheme: "bearer",
  value: "sk-SECRET",
  endpoint: "https://gateway.example.com/v1",
  profile: "openai",
  constraints: { "cost.budget": ["USD:5.00"], "model.use": ["tier-fast/*"], expires_at: "2999-01-01T00:00:00Z" },
};

describe("provisioned credentials", () => {
  it("secret, rotated, bound to their endpoint, gone at the end", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "llm" });
    await runtime.until("job.submit");
    const credentials = [credential, { ...credential, id: "cred_2", scheme: "signed_url" }, { id: "broken" }, null];
    runtime.accept("job_1", { credentials });
    const job = await submitting;
    const held = job.credentials.get("cred_1");
    expect(held?.value.reveal()).toBe("sk-SECRET");
    // Nothing is read into, or left out of, the constraints.
    expect(held?.constraints).toEqual(credential.constraints);
    expect([...job.credentials].map(({ id }) => id)).toEqual(["cred_1"]);
    expect(job.credentials.ignored.map(({ id }) => id)).toEqual(["cred_2"]);
    for (const printed of [
      JSON.stringify(job.credentials),
      inspect(job, { depth: 9 }),
      String(held?.value),
      JSON.stringify(held),
    ]) {
      expect(printed).not.toContain("SECRET");
    }
    const allowed = ["https://gateway.example.com/v1", "https://gateway.example.com/v1/chat?x=1"];
    const refused = [
      "http://gateway.example.com/v1",
      "https://gateway.example.com.evil.org/v1",
      "https://gateway.example.com/v1beta",
      "https://gateway.example.com/",
      "https://gateway.example.com/v1/../admin",
    ];
    expect(allowed.map((url) => job.credentials.forUrl(url)?.id)).toEqual(["cred_1", "cred_1"]);
    expect(refused.map((url) => job.credentials.forUrl(url)?.id)).toEqual(refused.map(() => undefined));

    const rotated: string[] = [];
    job.credentials.onRotate(({ value }) => rotated.push(value.reveal()));
    const events: ArcpEvent[] = [];
    const reading = (async () => {
      for await (const event of job) events.push(event);
    })();
    runtime.event("job_1", "status", { phase: "credential_rotated", id: "cred_1", value: "sk-NEWSECRET" });
    runtime.event("job_1", "status", { phase: "credential_rotated", id: "cred_9", value: "sk-OTHERSECRET" });
    await turn();
    expect([rotated, job.credentials.get("cred_1")?.value.reveal()]).toEqual([["sk-NEWSECRET"], "sk-NEWSECRET"]);
    runtime.succeed("job_1");
    await reading;
    expect(JSON.stringify(events)).not.toContain("SECRET");
    expect([job.credentials.size, job.credentials.ignored.length]).toEqual([0, 0]);
  });

  it.each<[string, object]>([
    ["in details, as Go and Java write it", { message: "cred_1", details: { id: "cred_1", value: "sk-NEWSECRET" } }],
    ["under names of its own, as C# writes it", { credential_id: "cred_1", credential_value: "sk-NEWSECRET" }],
    ["in a credential", { credential: { id: "cred_1", scheme: "bearer", value: "sk-NEWSECRET" } }],
    [
      "deeper, and once more in its words",
      {
        id: "cred_1",
        value: "sk-NEWSECRET",
        message: "cred_1 is sk-NEWSECRET now",
        details: { id: "cred_1", next: [{ token_value: "sk-NEWSECRET" }], max: { spend: 5, secret: "SECRET-2" } },
      },
    ],
  ])("a rotated value %s: the handle follows it, and neither a tap nor an event shows it", async (_form, rotated) => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const tapped: unknown[] = [];
    session.on("frame", (frame) => tapped.push(frame));
    const submitting = session.submit({ agent: "llm" });
    await runtime.until("job.submit");
    runtime.accept("job_1", { credentials: [credential] });
    const job = await submitting;
    const values: string[] = [];
    job.credentials.onRotate(({ value }) => values.push(value.reveal()));
    runtime.event("job_1", "status", { phase: "credential_rotated", ...rotated });
    runtime.log("job_1", "on");
    await turn();
    expect([values, job.credentials.get("cred_1")?.value.reveal()]).toEqual([["sk-NEWSECRET"], "sk-NEWSECRET"]);
    runtime.succeed("job_1");
    const events: ArcpEvent[] = [];
    for await (const event of job) events.push(event);
    expect(events[0]).toMatchObject({ kind: "status", body: { phase: "credential_rotated", id: "cred_1" } });
    expect(JSON.stringify([events, tapped])).not.toContain("SECRET");
    expect(inspect([job, session], { depth: 12 })).not.toContain("SECRET");
  });

  it("an error shows no token and no credential that its runtime repeats in its details", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "llm" }).catch((error: unknown) => error);
    const { id } = await runtime.until("job.submit");
    const details = {
      input: { auth: { token: "sk-SECRET" }, resume_token: "rt-SECRET" },
      credentials: [{ id: "cred_1", upstream: { value: "sk-SECRET" } }],
      status: { phase: "credential_rotated", details: { id: "cred_1", value: "sk-SECRET" } },
      value: 7,
    };
    runtime.send({
      type: "session.error",
      payload: { code: "INVALID_REQUEST", message: "no", details, request_id: id },
    });
    const error = (await submitting) as ArcpError;
    expect(inspect(error, { depth: 12 }) + JSON.stringify(error)).not.toContain("SECRET");
    expect(error.wireDetails).toMatchObject({ value: 7, credentials: [{ id: "cred_1" }] });
  });

  it("a wire tap sees no token, no credential and no rotated value", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect({ token: "sk-BEARER-SECRET" });
    const tapped: unknown[] = [];
    session.on("frame", (frame) => tapped.push(frame));
    const submitting = session.submit({ agent: "llm" });
    await runtime.until("job.submit");
    runtime.accept("job_1", { credentials: [credential] });
    const job = await submitting;
    runtime.event("job_1", "status", { phase: "credential_rotated", id: "cred_1", value: "sk-NEWSECRET" });
    runtime.event("job_1", "metric", { name: "rows", value: 7 });
    runtime.drop();
    await runtime.clock.advance(200);
    const text = JSON.stringify(tapped);
    expect(text).not.toMatch(/SECRET|rt_\d/);
    expect(text).toContain('"value":7');
    expect(text).toContain("session.welcome");
    expect(JSON.stringify(session)).not.toContain("SECRET");
    expect(job.credentials.size).toBe(1);
    expect(redactFrame({ payload: { auth: { token: "x" } } })).toEqual({ payload: { auth: { token: "[redacted]" } } });
  });
});
