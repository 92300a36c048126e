import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createMemoryPair } from "@imprest/arcp";
import { describe, expect, it } from "vitest";
import { createPeerRuntime } from "./agents.ts";

// What the clients of the Go and Java libraries said to this runtime, recorded on 2026-11-28 over a socket: the client's side
// is said again, and the runtime must answer as it did then, frame by frame, but for ids, times and wording.

interface Recorded {
  readonly connection: number;
  readonly from: "client" | "runtime";
  readonly frame: Frame;
}

interface Frame {
  readonly type: string;
  readonly id: string;
  readonly session_id?: string;
  readonly job_id?: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

function recordingsOf(library: string): ReadonlyMap<number, readonly Recorded[]> {
  const text = readFileSync(join(import.meta.dirname, "recorded", `${library}-client.jsonl`), "utf8");
  const rows = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Recorded);
  const numbers = new Set(rows.map(({ connection }) => connection));
  return new Map([...numbers].map((number) => [number, rows.filter(({ connection }) => connection === number)]));
}

/** What must be the same: the kind of message, whom it is about, and which members it has. */
function essence({ type, job_id, payload }: Frame): unknown {
  const { code, kind, final_status } = payload;
  const body = Object.keys(payload["body"] ?? {}).toSorted();
  return {
    type,
    about: job_id !== undefined,
    members: Object.keys(payload).toSorted(),
    code,
    kind,
    final_status,
    body,
  };
}

/** Says the client's frames again, each once the runtime has answered what it had answered by then. */
async function replay(rows: readonly Recorded[]): Promise<readonly Frame[]> {
  const runtime = createPeerRuntime();
  const [client, far] = createMemoryPair();
  const waiting: Frame[] = [];
  const answers: Frame[] = [];
  client.onMessage((text) => {
    const frame = JSON.parse(text) as Frame;
    if (frame.type !== "session.ping") waiting.push(frame);
  });
  runtime.accept(far);
  const own = new Map<string, string>();
  for (const { from, frame } of rows) {
    if (from === "client") {
      let text = JSON.stringify(frame);
      for (const [recorded, id] of own) text = text.replaceAll(recorded, id);
      client.send(text);
      continue;
    }
    await expect.poll(() => waiting.length, { timeout: 5_000 }).toBeGreaterThan(0);
    const answer = waiting.shift();
    if (answer === undefined) break;
    answers.push(answer);
    for (const member of ["session_id", "job_id"] as const) {
      const [recorded, id] = [frame[member], answer[member]];
      if (recorded !== undefined && id !== undefined) own.set(recorded, id);
    }
  }
  runtime.close();
  return answers;
}

describe.each(["go", "java"])("the recorded client of the library in %s", (library) => {
  it.each([...recordingsOf(library)])("connection %i is answered as it was", async (_number, rows) => {
    const recorded = rows.filter(({ from }) => from === "runtime").map(({ frame }) => essence(frame));
    expect((await replay(rows)).map(essence)).toEqual(recorded);
  });
});
