import { ImprestError } from "@imprest/core";
import { type ArcpSession, connect, createMemoryPair } from "@imprest/arcp";
import type { Target } from "../target.ts";

const frame = (type: string, payload: object, more: object = {}): string =>
  JSON.stringify({ arcp: "1.1", id: `m-${type}`, type, session_id: "s-1", ...more, payload });
const event = (kind: string, body: object, seq: number): string =>
  frame("job.event", { kind, ts: "2026-01-01T00:00:00Z", body }, { job_id: "j-1", event_seq: seq });

const corpus = [
  frame("session.ping", { nonce: "n", sent_at: "2026-01-01T00:00:00Z" }),
  frame("session.pong", { ping_nonce: "n", received_at: "2026-01-01T00:00:00Z" }),
  frame("session.error", { code: "INTERNAL_ERROR", message: "m", retryable: false }),
  frame("session.jobs", {
    request_id: "r",
    jobs: [{ job_id: "j-1", agent: "a@1", status: "running" }],
    next_cursor: null,
  }),
  frame(
    "job.accepted",
    { job_id: "j-1", agent: "a@1", lease: { "cost.budget": ["USD:1.00"] }, budget: { USD: 1 } },
    { job_id: "j-1" },
  ),
  frame("job.error", { final_status: "error", code: "TIMEOUT", message: "m", retryable: true }, { job_id: "j-1" }),
  frame("job.result", { final_status: "success", result: { a: [1, 2, 3] } }, { job_id: "j-1", event_seq: 9 }),
  event("log", { level: "info", message: "m" }, 1),
  event("metric", { name: "cost.inference", value: 0.01, unit: "USD" }, 2),
  event("progress", { current: 1, total: 2, message: "half" }, 3),
  event("result_chunk", { result_id: "x", chunk_seq: 0, data: "aGk=", encoding: "base64", more: false }, 4),
  event("status", { phase: "credential_rotated", credential: { id: "c", scheme: "bearer", value: "v" } }, 5),
];

const framesEach = 200;
const settledMs = 5_000;

/** A client session fed with mutated frames: it goes on or ends with a typed error, and every promise of it settles. */
export const arcpSession: Target = {
  name: "arcp-session",
  corpus,
  start() {
    let left = 0;
    let feed: ((text: string) => void) | undefined;
    let end: (() => Promise<void>) | undefined;
    let isOver = (): boolean => true;
    const open = async (): Promise<void> => {
      const [near, far] = createMemoryPair();
      far.onMessage((text) => {
        const { type, id } = JSON.parse(text) as { readonly type: string; readonly id: string };
        if (type === "session.hello") {
          const capabilities = {
            encodings: ["json"],
            features: ["result_chunk", "progress", "cost.budget"],
            agents: [],
          };
          const welcome = {
            runtime: { name: "fuzz", version: "1" },
            session_id: "s-1",
            resume_token: "t",
            resume_window_sec: 60,
            capabilities,
          };
          far.send(frame("session.welcome", welcome));
        }
        if (type === "session.close" || type === "session.bye") far.close();
        if (type === "job.submit") {
          far.send(
            frame("job.accepted", { job_id: "j-1", agent: "a@1", lease: {}, request_id: id }, { job_id: "j-1" }),
          );
        }
      });
      const session: ArcpSession = await connect(near, { token: "a-token-of-the-fuzzer" });
      const work = session
        .submit({ agent: "a", input: {} })
        .then((job) => Promise.allSettled([job.result(), drain(job)]))
        .catch(assertTyped);
      feed = (text) => far.send(text);
      let isDone = false;
      void work.finally(() => (isDone = true));
      isOver = () => isDone || session.state !== "live";
      end = async () => {
        await session.close();
        await within(work);
      };
    };
    return async (input) => {
      if (left === 0 || isOver()) {
        await end?.();
        await open();
        left = framesEach;
      }
      left -= 1;
      feed?.(input);
      if (left % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    };
  },
};

async function drain(job: AsyncIterable<unknown>): Promise<void> {
  for await (const _event of job) {
    // Only that it ends is of interest.
  }
}

function assertTyped(error: unknown): void {
  if (!ImprestError.isInstance(error)) throw error;
}

async function within(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("a promise of the session never settled")), settledMs);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
