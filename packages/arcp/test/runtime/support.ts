import { createManualClock, type ManualClock } from "@imprest/testing";
import { arcpFeatures } from "@imprest/core/models/arcp";
import { createMemoryPair } from "../../src/transport/memory.ts";
import type { ArcpTransport, TransportClosed } from "../../src/transport/transport.ts";
import { type ArcpRuntime, type ArcpRuntimeOptions, createArcpRuntime } from "../../src/runtime/index.ts";

/** Lets everything that can go on without time go on. */
export async function settle(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A frame as a client sees it. */
export interface Frame {
  readonly type: string;
  readonly id: string;
  readonly session_id?: string;
  readonly job_id?: string;
  readonly trace_id?: string;
  readonly event_seq?: number;
  // Test code reads payloads loosely.
  readonly payload: Record<string, unknown> & {
    readonly body?: Record<string, unknown>;
    readonly kind?: string;
    readonly code?: string;
  };
}

export const tokens: Readonly<Record<string, string>> = { "tok-alice": "alice", "tok-bob": "bob" };

let counter = 0;

/** A client that sends what a test writes, frame by frame. */
export class RawClient {
  readonly frames: Frame[] = [];
  readonly transport: ArcpTransport;
  sessionId: string | undefined;
  closed: TransportClosed | undefined;
  #seen = 0;

  constructor(runtime: ArcpRuntime, wrap: (transport: ArcpTransport) => ArcpTransport = (transport) => transport) {
    const [near, far] = createMemoryPair();
    this.transport = near;
    near.onMessage((text) => this.frames.push(JSON.parse(text) as Frame));
    void near.closed.then((closed) => (this.closed = closed));
    runtime.accept(wrap(far));
  }

  send(type: string, payload: unknown, extra: Record<string, unknown> = {}): string {
    const id = `msg_01${String(++counter).padStart(24, "0")}`;
    const session = this.sessionId === undefined ? {} : { session_id: this.sessionId };
    this.transport.send(JSON.stringify({ arcp: "1.1", id, type, ...session, ...extra, payload }));
    return id;
  }

  async hello(
    options: { token?: string; features?: readonly string[]; resume?: unknown; name?: string; more?: object } = {},
  ): Promise<Frame> {
    const { token = "tok-alice", features = arcpFeatures, resume, name = "raw", more = {} } = options;
    this.send("session.hello", {
      client: { name, version: "0" },
      auth: { scheme: "bearer", token },
      capabilities: { encodings: ["json"], features },
      ...(resume === undefined ? {} : { resume }),
      ...more,
    });
    const answer = await this.next(({ type }) => type === "session.welcome" || type.endsWith(".error"));
    if (answer.type === "session.welcome") this.sessionId = answer.session_id;
    return answer;
  }

  /** The next frame that fits, from where the last call left off; what is passed over is skipped. */
  async next(fits: (frame: Frame) => boolean | undefined): Promise<Frame> {
    for (let turn = 0; turn < 400; turn++) {
      for (; this.#seen < this.frames.length; this.#seen++) {
        const frame = this.frames[this.#seen];
        if (frame !== undefined && fits(frame)) {
          this.#seen++;
          return frame;
        }
      }
      // Digests come from other threads, in real time.
      if (turn < 100) await settle(1);
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`No such frame; there were: ${this.frames.map(({ type }) => type).join(" ")}`);
  }

  nextOf(type: string): Promise<Frame> {
    return this.next((frame) => frame.type === type);
  }

  /** Submits and waits for the answer. */
  async submit(payload: Record<string, unknown>, extra: Record<string, unknown> = {}): Promise<Frame> {
    const id = this.send("job.submit", payload, extra);
    return this.next(
      ({ type, payload: answer }) => type === "job.accepted" || answer["request_id"] === id || type === "job.error",
    );
  }

  events(kind?: string): Frame[] {
    return this.frames.filter(
      ({ type, payload }) => type === "job.event" && (kind === undefined || payload.kind === kind),
    );
  }

  of(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Breaks the connection without a goodbye. */
  async drop(): Promise<void> {
    this.transport.close();
    await settle();
  }
}

/** A runtime on a fake clock, with agents for most needs. */
export function createRuntime(options: Partial<ArcpRuntimeOptions> = {}): { runtime: ArcpRuntime; clock: ManualClock } {
  const clock = createManualClock(Date.parse("2026-05-13T12:00:00Z"));
  const runtime = createArcpRuntime({ authenticate: (token) => tokens[token], clock, ...options });
  runtime.agent("echo", async (context) => {
    await context.log("info", "echoing");
    return { echoed: context.input };
  });
  runtime.agent("wait", (context) => untilAborted(context.signal));
  return { runtime, clock };
}

/** Waits for the signal, then throws its reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}
