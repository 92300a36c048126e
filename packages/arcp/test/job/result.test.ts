import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ArcpEvent, ArcpJob, ConnectOptions } from "../../src/index.ts";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { refusal } from "../support/refusal.ts";
import { turn } from "../support/turn.ts";

async function job(options: Partial<ConnectOptions> = {}): Promise<{ runtime: ScriptedRuntime; job: ArcpJob }> {
  const runtime = new ScriptedRuntime();
  const session = await runtime.connect(options);
  const submitting = session.submit({ agent: "chunks" });
  await runtime.until("job.submit");
  runtime.accept("job_1");
  return { runtime, job: await submitting };
}

function chunk(runtime: ScriptedRuntime, chunk_seq: number, data: string, more: boolean, encoding = "utf8"): void {
  runtime.event("job_1", "result_chunk", { result_id: "res_1", chunk_seq, data, encoding, more });
}

function finish(runtime: ScriptedRuntime, payload: object = {}): void {
  runtime.numbered("job.result", "job_1", { final_status: "success", result_id: "res_1", ...payload });
}

describe("a chunked result", () => {
  it("bytes come while the job runs", async () => {
    const { runtime, job: running } = await job();
    const reader = running.stream().getReader();
    chunk(runtime, 0, "first", true);
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("first");
    expect(running.status).toBe("running");
    chunk(runtime, 1, "", false);
    finish(runtime, { result_size: 5 });
    expect((await reader.read()).done).toBe(true);
  });

  it("an inline result comes to a reader that waits for it", async () => {
    const { runtime, job: running } = await job();
    const reader = running.stream().getReader();
    const first = reader.read();
    await turn();
    finish(runtime, { result_id: undefined, result: { a: 1 } });
    expect(new TextDecoder().decode((await first).value)).toBe('{"a":1}');
    expect((await reader.read()).done).toBe(true);
    expect(await running.result()).toEqual({ a: 1 });
  });

  it("any bytes, in any chunks and encodings, come out as they were", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array()), { maxLength: 8 }),
        async (parts) => {
          const { runtime, job: running } = await job();
          parts.forEach((part, at) => {
            if (typeof part === "string") chunk(runtime, at, part, true);
            else chunk(runtime, at, btoa(String.fromCharCode(...part)), true, "base64");
          });
          chunk(runtime, parts.length, "", false);
          const whole = Buffer.concat(parts.map((part) => Buffer.from(part)));
          finish(runtime, { result_size: whole.length, sha256: createHash("sha256").update(whole).digest("hex") });
          expect(Buffer.from(await running.bytes())).toEqual(whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("a character that two chunks share is whole", async () => {
    const { runtime, job: running } = await job();
    chunk(runtime, 0, "a\ud83d", true);
    chunk(runtime, 1, "\ude00b", false);
    finish(runtime, { result_size: 6 });
    expect(await running.text()).toBe("a😀b");
  });

  it.each<[string, (runtime: ScriptedRuntime) => void]>([
    ["a missing chunk", (runtime) => chunk(runtime, 1, "b", false)],
    ["no last chunk", (runtime) => chunk(runtime, 0, "b", true)],
    ["one behind the last", (runtime) => [chunk(runtime, 0, "a", false), chunk(runtime, 1, "b", false)]],
    ["a foreign result_id", (runtime) => [chunk(runtime, 0, "a", false), finish(runtime, { result_id: "res_2" })]],
    [
      "an inline end (duty 16)",
      (runtime) => [chunk(runtime, 0, "a", false), finish(runtime, { result_id: undefined, result: 1 })],
    ],
    ["another size", (runtime) => [chunk(runtime, 0, "a", false), finish(runtime, { result_size: 2 })]],
    ["another digest", (runtime) => [chunk(runtime, 0, "a", false), finish(runtime, { sha256: "00" })]],
    ["broken base64", (runtime) => chunk(runtime, 0, "*", false, "base64")],
    ["an unknown encoding", (runtime) => chunk(runtime, 0, "a", false, "gzip")],
    ["too many bytes", (runtime) => chunk(runtime, 0, "x".repeat(2000), false)],
    ["no chunks at all", () => {}],
  ])("%s is an error, never a short success", async (_, send) => {
    const { runtime, job: running } = await job({ maxResultBytes: 1000 });
    const read = refusal(running.text());
    const result = refusal(running.result());
    send(runtime);
    finish(runtime);
    expect([await read, await result]).toEqual(["ResponseFormatError", "ResponseFormatError"]);
  });

  it("it is read once as a stream, or any number of times whole", async () => {
    const { runtime, job: running } = await job();
    chunk(runtime, 0, '{"a":12345678901234567890}', false);
    finish(runtime);
    expect(await running.json()).toEqual({ a: 12345678901234567890n });
    expect(await running.result()).toBe('{"a":12345678901234567890}');
    expect(() => running.stream()).toThrow("read already");
  });

  it("an inline result can be streamed too", async () => {
    const { runtime, job: running } = await job();
    const text = running.stream().text();
    runtime.succeed("job_1", { b: 1 });
    expect([await text, await running.result()]).toEqual(['{"b":1}', { b: 1 }]);
  });

  it("a stream of a job that fails, fails", async () => {
    const { runtime, job: running } = await job();
    const text = refusal(running.stream().text());
    runtime.numbered("job.error", "job_1", { final_status: "error", code: "INTERNAL_ERROR", message: "kaput" });
    expect(await text).toBe("INTERNAL_ERROR");
  });
});

describe("events of a job", () => {
  it("several consumers, each with its own kinds and pace; a late one starts at what is held", async () => {
    const { runtime, job: running } = await job();
    for (const at of [1, 2, 3]) runtime.log("job_1", `${at}`);
    runtime.event("job_1", "progress", { current: 1, total: 2 });
    await turn();
    const read = async (kinds?: ("log" | "progress")[]): Promise<string[]> => {
      const seen: string[] = [];
      for await (const event of running.events({ kinds })) {
        seen.push(event.kind);
        if (seen.length === 2) await turn();
      }
      return seen;
    };
    const all = [read(), read(["log"]), read(["progress"])];
    runtime.log("job_1", "4");
    runtime.succeed("job_1");
    expect(await Promise.all(all)).toEqual([
      ["log", "log", "log", "progress", "log"],
      ["log", "log", "log", "log"],
      ["progress"],
    ]);
  });

  it("without a reader only the last thousand are held; one who begins then is given notice of the others", async () => {
    const { runtime, job: running } = await job();
    // The turn in which the submitter may begin to read is over.
    await runtime.clock.advance(1);
    for (let at = 1; at <= 1500; at++) runtime.log("job_1", `${at}`);
    runtime.succeed("job_1");
    await running.result();
    const seen: ArcpEvent[] = [];
    for await (const event of running) seen.push(event);
    expect(seen[0]).toMatchObject({ kind: "gap", body: { from: 1, to: 500 } });
    expect([seen.length, seen[1]?.seq, seen.at(-1)?.seq]).toEqual([1001, 501, 1500]);
    // Its costs were counted: nothing is missing of the job.
    expect(running.eventsMissing).toBe(false);
  });

  it("a loop that is left early leaves nothing behind, and calls of next may overlap", async () => {
    const { runtime, job: running } = await job();
    runtime.log("job_1", "1");
    for await (const event of running.events()) {
      expect(event.kind).toBe("log");
      break;
    }
    const iterator = running.events();
    const two = Promise.all([iterator.next(), iterator.next()]);
    runtime.log("job_1", "2");
    expect((await two).map(({ value }) => value?.seq)).toEqual([1, 2]);
  });

  it("waiting for an end takes a signal and a timeout", async () => {
    const { runtime, job: running } = await job();
    const aborter = new AbortController();
    const aborted = refusal(running.result({ signal: aborter.signal }));
    aborter.abort();
    expect(await aborted).toBe("AbortedError");
    expect(await runtime.clock.drive(refusal(running.outcome({ timeoutMs: 50 })))).toBe("TimeoutError");
  });

  it("the gauge is exact, and warns once", async () => {
    const runtime = new ScriptedRuntime();
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "spender", lease: { "cost.budget": ["USD:1.00"] } });
    await runtime.until("job.submit");
    runtime.accept("job_1", { budget: { USD: 1 }, lease: { "cost.budget": ["USD:1.00"] } });
    const running = await submitting;
    const warned: string[] = [];
    running.budget.onBelow("USD", 0.5, (left) => {
      warned.push(left);
      throw new Error("a careless callback");
    });
    for (let at = 0; at < 3; at++) runtime.event("job_1", "metric", { name: "cost.x", value: 0.1, unit: "USD" });
    runtime.event("job_1", "metric", { name: "cost.x", value: -5, unit: "USD" });
    runtime.event("job_1", "metric", { name: "cost.x", value: 0.3, unit: "USD" });
    runtime.event("job_1", "metric", { name: "cost.y", value: 2, unit: "credits" });
    runtime.succeed("job_1");
    await running.result();
    expect([running.budget.remaining("USD"), running.costs, warned]).toEqual([
      "0.4",
      { USD: "0.6", credits: "2" },
      ["0.4"],
    ]);
    expect(runtime.warnings).toEqual(["LISTENER_FAILED"]);
    expect(running.spanAttributes).toMatchObject({ "arcp.job_id": "job_1", "arcp.budget.remaining": "USD:0.4" });
  });
});
