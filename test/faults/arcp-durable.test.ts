import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ArcpSession, type ArcpTransport, connect, openWebSocket } from "@imprest/arcp";
import { afterEach, beforeEach, expect, it } from "vitest";

// A runtime is killed by SIGKILL while clients submit to it, and started again on its file, again and again.

/** `ARCP_KILLS=100 pnpm vitest run --project faults test/faults/arcp-durable.test.ts` for the long run. */
const kills = Number(process.env["ARCP_KILLS"] ?? 8);
const clients = 4;

let folder: string;
let child: ChildProcess | undefined;
let url: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "imprest-arcp-durable-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

async function start(port = "0"): Promise<void> {
  const program = join(import.meta.dirname, "arcp-durable-server.ts");
  const args = ["--conditions=@imprest/source", program, join(folder, "jobs.sqlite"), port];
  const started = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  child = started;
  for await (const line of createInterface({ input: started.stdout })) {
    url = line;
    return;
  }
  throw new Error("the runtime did not start");
}

/** What one client received of its jobs. */
interface Books {
  /** What the job of a key returned, as its `result()` resolved. */
  readonly results: Map<string, unknown>;
  /** Keys of jobs that ended with their runtime. */
  readonly interrupted: Set<string>;
  /** How often each job's end came over the wire, by session and number. */
  readonly ends: Map<string, Set<string>>;
}

async function open(name: string, books: Books): Promise<ArcpSession> {
  const dial = async (signal?: AbortSignal): Promise<ArcpTransport> =>
    tapped(await openWebSocket(new URL(url), undefined, signal), books);
  return connect(dial, { token: name, waitForMs: 20_000, backOff: () => 20, lostAfterMs: 300, probeAfterMs: 300 });
}

/** Counts the ends of jobs as they come, under whatever number. */
function tapped(transport: ArcpTransport, { ends }: Books): ArcpTransport {
  const onMessage: ArcpTransport["onMessage"] = (listener) =>
    transport.onMessage((text) => {
      const { type, job_id: id, session_id: session, event_seq: seq } = JSON.parse(text) as Record<string, string>;
      if (type === "job.result" && id !== undefined) {
        const seen = ends.get(id) ?? new Set<string>();
        ends.set(id, seen.add(`${session}:${seq}`));
      }
      listener(text);
    });
  return Object.assign(Object.create(transport) as ArcpTransport, {
    confidential: true,
    closed: transport.closed,
    send: (text: string) => transport.send(text),
    close: (code?: number, reason?: string) => transport.close(code, reason),
    onMessage,
  });
}

it(
  `law: killed ${kills} times under load, every result that was had is replayed, and none comes twice`,
  { timeout: 60_000 + kills * 4_000 },
  async () => {
    await start();
    const port = new URL(url).port;
    const books: Books = { results: new Map(), interrupted: new Set(), ends: new Map() };
    const sessions = await Promise.all(Array.from({ length: clients }, (_, at) => open(`client-${at}`, books)));
    const stop = new AbortController();
    let submitted = 0;
    const work = async (session: ArcpSession, name: string): Promise<void> => {
      while (!stop.signal.aborted) {
        const key = `${name}-${submitted++}`;
        try {
          const job = await session.submit({ agent: "work", input: key, idempotencyKey: key });
          books.results.set(key, await job.result({ timeoutMs: 30_000 }));
        } catch (error) {
          if ((error as { errorCode?: string }).errorCode !== "RUNTIME_RESTARTED") throw error;
          books.interrupted.add(key);
        }
      }
    };
    const working = sessions.flatMap((session, at) => Array.from({ length: 4 }, () => work(session, `client-${at}`)));
    const failures: unknown[] = [];
    for (const one of working) one.catch((error: unknown) => failures.push(error));
    for (let kill = 0; kill < kills; kill++) {
      const had = books.results.size;
      await expect.poll(() => books.results.size - had + failures.length, { timeout: 30_000 }).toBeGreaterThan(10);
      expect(failures).toEqual([]);
      const gone = new Promise((resolve) => child?.once("exit", resolve));
      child?.kill("SIGKILL");
      await gone;
      await start(port);
    }
    stop.abort();
    await Promise.all(working);
    // Each end came to its session once, under one number.
    const twice = [...books.ends].filter(
      ([, seen]) => new Set([...seen].map((one) => one.split(":")[0])).size < seen.size,
    );
    expect(twice).toEqual([]);
    for (const [key, value] of books.results) expect(value).toEqual({ of: key });
    // Asked again under its key, by a session that knows nothing, the restarted runtime says the same.
    await Promise.all(sessions.map((session) => session.close()));
    const gone = new Promise((resolve) => child?.once("exit", resolve));
    child?.kill("SIGKILL");
    await gone;
    await start(port);
    const asked = await Promise.all(Array.from({ length: clients }, (_, at) => open(`client-${at}`, books)));
    for (const [key, value] of books.results) {
      const session = asked[Number(key.split("-")[1])];
      const job = await session?.submit({ agent: "work", input: key, idempotencyKey: key });
      expect(await job?.result({ timeoutMs: 10_000 })).toEqual(value);
    }
    console.info(
      `${kills} kills: ${books.results.size} results had and asked for again, ${books.interrupted.size} jobs interrupted`,
    );
    await Promise.all(asked.map((session) => session.close()));
  },
);
