import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { sleep } from "@imprest/core/internal";
import type { WireCredential } from "@imprest/core/models/arcp";
import { memoryRecordStore } from "@imprest/core";
import { createRuntime, type Frame, RawClient, settle } from "./support.ts";

/*
 * The recorded client side of the reference TypeScript runtime's transcripts, played to this runtime in its dialect
 * `ts`: what this runtime sends must be what was recorded, but for ids, times and wording.
 */

const folder = fileURLToPath(new URL("../../../../../shared/conformance/arcp/transcripts/", import.meta.url));
const isThere = existsSync(folder);

interface Recorded {
  readonly dir: "c2r" | "r2c";
  readonly conn: number;
  readonly frame: Frame;
}

function transcript(number: string): Recorded[] {
  const file = readdirSync(folder).find((name) => name.startsWith(`${number}-`)) ?? "";
  const lines = readFileSync(folder + file, "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Recorded);
}

const volatile = new Set([
  "accepted_at",
  "created_at",
  "message",
  "next_cursor",
  "nonce",
  "received_at",
  "resume_token",
  "runtime",
  "sent_at",
  "ts",
]);

/** What of a frame must be the same: ids by the order in which they turn up, no times, no wording. */
function essence(frame: Frame, names: Map<string, string>): unknown {
  const named = (key: string, value: string): string => {
    const prefix = /^(sess|job|res|msg)_[0-9A-Z]{26}$/.exec(value)?.[1];
    const kind =
      prefix ??
      (key === "call_id" || key === "delegate_id" ? "call" : /^[0-9a-f]{32}$/.test(value) ? "trace" : undefined);
    if (kind === undefined) return value.replace(/^sk-virt-SECRET-.*/, "sk-virt-SECRET");
    if (!names.has(value))
      names.set(value, `${kind}#${[...names.values()].filter((name) => name.startsWith(kind)).length}`);
    return names.get(value) ?? value;
  };
  const strip = (value: unknown, key = ""): unknown => {
    if (typeof value === "string") return named(key, value);
    if (Array.isArray(value)) return value.map((item) => strip(item));
    if (typeof value !== "object" || value === null) return value;
    const kept = Object.entries(value).filter(([member]) => !volatile.has(member));
    return Object.fromEntries(kept.map(([member, item]) => [member, strip(item, member)]));
  };
  if (frame.type === "session.welcome") return { type: frame.type };
  const { type, job_id, event_seq, trace_id, payload } = frame;
  return strip({ type, job_id, event_seq, trace_id, payload });
}

/** The agents of the recordings. */
function createReference(): ReturnType<typeof createRuntime> {
  let issued = 0;
  const provisioner = {
    issue: async (): Promise<WireCredential[]> => [
      {
        id: "cred_1",
        scheme: "bearer",
        value: issued++ % 3 === 2 ? "sk-virt-NEW" : `sk-virt-SECRET-${issued}`,
        endpoint: "https://gateway.example.com/v1",
        profile: "openai",
        constraints: { "model.use": ["tier-fast/*"], "cost.budget": ["USD:5.00"], expires_at: "2999-01-01T00:00:00Z" },
      },
    ],
    revoke: async () => {},
  };
  const reference = createRuntime({
    dialect: "ts",
    tools: { "search.web": () => ({ hits: 3 }) },
    mayObserve: ({ agent }) => agent === "rotator" || agent === "open",
    ...(withCredentials.has(current) ? { credentials: { provisioner, records: memoryRecordStore() } } : {}),
  });
  const { runtime, clock } = reference;
  runtime
    .agent("slow", async (context) => {
      const { ticks = 6, ms = 50 } = (context.input ?? {}) as { ticks?: number; ms?: number };
      for (let tick = 0; tick < ticks; tick++) {
        await context.log("info", `tick ${tick}`);
        await sleep(clock, ms, context.signal);
      }
      return { ticks };
    })
    .agent("chunks", async ({ input, result }) => {
      const bytes = (input as { encoding?: string }).encoding === "base64";
      const parts = bytes
        ? [[0, 255, 7], [1, 254, 7], [2, 253, 7], [9]].map((part) => Uint8Array.from(part))
        : ["héllo ", "wörld", "!"];
      for (const [at, part] of parts.entries()) await result.chunk(part, at < parts.length - 1);
      await result.end({ summary: bytes ? "bin" : "3 chunks" });
    })
    .agent("boom", () => {
      throw new Error("kaput");
    })
    .agent("code-refactor@1.0.0", () => "v1")
    .agent("code-refactor@2.0.0", () => "v2", { default: true })
    .agent("child", () => "child-done")
    .agent("parent", async (context) => {
      await context.delegate({ agent: "child", input: { a: 1 }, lease: { "tool.call": ["**"] } }).catch(() => {});
      return "parent-done";
    })
    .agent("rotator", async (context) => {
      await context.rotateCredential("cred_1");
      await sleep(clock, 100, context.signal);
      return "rotated";
    })
    .agent("chatty", async (context) => {
      const { n, hold = 0 } = context.input as { n: number; hold?: number };
      for (let at = 0; at < n; at++) await context.log("info", `e${at}`);
      await sleep(clock, hold, context.signal);
      return "done";
    })
    .agent("allkinds", async (context) => {
      await context.log("info", "starting", { step: 1 });
      await context.thought("thinking about it");
      await context.callTool("search.web", { q: "arcp" });
      await context.metric({ name: "rows", value: 12_408, unit: "rows", dimensions: { table: "sales" } });
      await context.artifact({
        uri: "arcp://artifacts/report.html",
        content_type: "text/html",
        byte_size: 38_291,
        sha256: "0".repeat(64),
      });
      await context.progress({ current: 47, total: 120, units: "files", message: "working" });
      await context.vendor("x-vendor.acme.note", { anything: true });
      await context.status("completing");
      return { ok: true };
    });
  return reference;
}

const withCredentials = new Set(["28"]);
let current = "";

/** Plays one transcript; the runtime's clock moves on whenever the recording waits for something. */
async function play(number: string): Promise<{ recorded: unknown[]; sent: unknown[] }> {
  current = number;
  const { runtime, clock } = createReference();
  const clients = new Map<number, RawClient>();
  const ids = new Map<string, string>();
  const seen = new Map<number, number>();
  const recorded: unknown[] = [];
  const sent: unknown[] = [];
  const recordedNames = new Map<string, string>();
  const sentNames = new Map<string, string>();
  const translated = (text: string): string => {
    let result = text;
    for (const [theirs, ours] of ids) result = result.replaceAll(theirs, ours);
    return result;
  };
  for (const { dir, conn, frame } of transcript(number)) {
    if (frame.type === "session.ping" || frame.type === "session.ack") continue;
    const client = clients.get(conn) ?? new RawClient(runtime);
    clients.set(conn, client);
    if (dir === "c2r") {
      if (frame.type === "session.hello" && conn > 1 && JSON.stringify(frame).includes('"resume"')) {
        await clients.get(conn - 1)?.drop();
      }
      client.transport.send(translated(JSON.stringify(frame)));
      await settle();
      continue;
    }
    let ours: Frame | undefined;
    for (let wait = 0; wait < 200 && ours === undefined; wait++) {
      const at = seen.get(conn) ?? 0;
      ours = client.frames[at];
      if (ours?.type === "session.ping") {
        client.send("session.pong", { ping_nonce: "x", received_at: "y" });
        ours = undefined;
        seen.set(conn, at + 1);
      } else if (ours === undefined) {
        await clock.advance(10);
        // A digest takes real time: the runtime remembers values of credentials by theirs.
        await new Promise((resolve) => void setTimeout(resolve, 1));
      } else {
        seen.set(conn, at + 1);
      }
    }
    remember(ids, frame, ours);
    recorded.push([conn, essence(frame, recordedNames)]);
    sent.push([conn, ours === undefined ? "nothing" : essence(ours, sentNames)]);
  }
  return { recorded, sent };
}

/** Their ids and what this runtime calls the same things. */
function remember(ids: Map<string, string>, theirs: Frame, ours: Frame | undefined): void {
  for (const [their, our] of [
    [theirs.session_id, ours?.session_id],
    [theirs.job_id, ours?.job_id],
    [theirs.payload["resume_token"], ours?.payload["resume_token"]],
    [theirs.payload["next_cursor"], ours?.payload["next_cursor"]],
  ]) {
    if (typeof their === "string" && typeof our === "string") ids.set(their, our);
  }
}

describe.skipIf(!isThere)("the dialect ts sends what the reference runtime sent", () => {
  it.each([
    ["hello and welcome", "01"],
    ["all event kinds", "02"],
    ["cancel", "03"],
    ["resubmit while it runs", "04"],
    ["resubmit after the end", "05"],
    ["DUPLICATE_KEY as the end of a job that lives", "06"],
    ["history before job.subscribed", "08"],
    ["subscribe, live", "09"],
    ["refusals as numbered job.error", "10"],
    ["a client that has seen everything is refused", "16a"],
    ["leases that cannot be", "19"],
    ["chunks of text", "23"],
    ["chunks of bytes", "24"],
    ["agents and versions", "26"],
    ["a rotated value for everyone", "28"],
    ["bye", "29"],
    ["session.close is unknown", "30"],
    ["session.resume is dropped", "31"],
    ["a bad token", "32"],
    ["a wider lease", "36"],
    ["an agent that throws", "37"],
    ["features that were not negotiated", "38"],
    ["jobs interleaved", "40"],
  ])("%s", async (_what, number) => {
    const { recorded, sent } = await play(number);
    expect(sent).toEqual(recorded);
    expect(recorded.length > 0 || number === "31").toBe(true);
  });
});
