import { type ArcpSession, type ConnectOptions, connect, createMemoryPair } from "../../src/index.ts";
import type { ArcpTransport } from "../../src/transport/transport.ts";
import { ManualClock, turn } from "./manual-clock.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- payloads have no one shape
export type AnyFrame = { type: string; id: string; payload: any; [member: string]: any };

const allFeatures = [
  "heartbeat",
  "ack",
  "list_jobs",
  "subscribe",
  "lease_expires_at",
  "cost.budget",
  "model.use",
  "provisioned_credentials",
  "progress",
  "result_chunk",
  "agent_versions",
];

/** A runtime that says what a test tells it to; each connection is answered with a welcome unless told otherwise. */
export class ScriptedRuntime {
  readonly clock: ManualClock = new ManualClock();
  /** Everything the client sent, by connection. */
  readonly received: AnyFrame[][] = [];
  /** Members of the welcome's payload that differ from the default. */
  welcome: Record<string, unknown> = {};
  sessionId = "sess_1";
  /** Answers a hello instead of the welcome. */
  onHello: ((hello: AnyFrame) => object | undefined) | undefined;
  /** Answers any other frame. */
  onFrame: ((frame: AnyFrame) => void) | undefined;
  readonly warnings: string[] = [];
  readonly states: string[] = [];
  #ends: ArcpTransport[] = [];
  #seq = 0;
  #count = 0;

  readonly dial = (): ArcpTransport => {
    const [client, end] = createMemoryPair();
    const frames: AnyFrame[] = [];
    this.#ends.push(end);
    this.received.push(frames);
    end.onMessage((text) => {
      const frame = JSON.parse(text) as AnyFrame;
      frames.push(frame);
      if (frame.type !== "session.hello") this.onFrame?.(frame);
      else this.send(this.onHello?.(frame) ?? this.defaultWelcome());
    });
    return withoutPause(client);
  };

  defaultWelcome(): object {
    this.#count++;
    return {
      type: "session.welcome",
      session_id: this.sessionId,
      payload: {
        runtime: { name: "scripted", version: "1" },
        resume_token: `rt_${this.#count}`,
        resume_window_sec: 600,
        heartbeat_interval_sec: 30,
        capabilities: { encodings: ["json"], features: allFeatures, agents: [{ name: "echo", versions: [] }] },
        ...this.welcome,
      },
    };
  }

  async connect(options: Partial<ConnectOptions> = {}): Promise<ArcpSession> {
    const session = await connect(this.dial, {
      token: "secret-token",
      clock: this.clock,
      backOff: () => 100,
      ...options,
    });
    session.on("warning", ({ code }) => this.warnings.push(code));
    session.on("state", ({ state }) => this.states.push(state));
    return session;
  }

  /** The connection the client uses now. */
  get end(): ArcpTransport {
    const end = this.#ends.at(-1);
    if (end === undefined) throw new Error("nobody is connected");
    return end;
  }

  /** Sends a frame, completed. */
  send(frame: object): void {
    this.end.send(JSON.stringify({ arcp: "1.1", id: `msg_r${this.#count++}`, session_id: this.sessionId, ...frame }));
  }

  sendText(text: string): void {
    this.end.send(text);
  }

  /** The next numbered frame of a job. */
  numbered(type: string, jobId: string, payload: object, members: object = {}): void {
    this.send({ type, job_id: jobId, event_seq: ++this.#seq, payload, ...members });
  }

  event(jobId: string, kind: string, body: unknown, members: object = {}): void {
    this.numbered("job.event", jobId, { kind, ts: "2026-11-20T10:30:00Z", body }, members);
  }

  log(jobId: string, message: string): void {
    this.event(jobId, "log", { level: "info", message });
  }

  accept(jobId: string, payload: object = {}, members: object = {}): void {
    const accepted = { job_id: jobId, lease: {}, accepted_at: "2026-11-20T10:30:00Z", ...payload };
    this.send({ type: "job.accepted", job_id: jobId, payload: accepted, ...members });
  }

  succeed(jobId: string, result: unknown = "done"): void {
    this.numbered("job.result", jobId, { final_status: "success", result });
  }

  /** The number that the next numbered frame gets. */
  set nextSeq(seq: number) {
    this.#seq = seq - 1;
  }

  /** What the client sent of one type, over all connections. */
  sent(type: string): AnyFrame[] {
    return this.received.flat().filter((frame) => frame.type === type);
  }

  /** Waits until the client has sent `count` frames of a type. */
  async until(type: string, count = 1): Promise<AnyFrame> {
    for (let tries = 0; tries < 50; tries++) {
      const frame = this.sent(type)[count - 1];
      if (frame !== undefined) return frame;
      await turn();
    }
    throw new Error(`the client sent no ${type}`);
  }

  /** Breaks the connection without a word. */
  drop(): void {
    this.end.close(1006);
  }
}

/** A transport that, like a WebSocket, cannot stop reading. */
export function withoutPause(transport: ArcpTransport): ArcpTransport {
  return {
    confidential: transport.confidential,
    closed: transport.closed,
    send: (text) => transport.send(text),
    onMessage: (listener) => transport.onMessage(listener),
    close: (code, reason) => transport.close(code, reason),
  };
}

/** The error that `work` fails with, by its wire code or its name; fails when it does not. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as { readonly errorCode?: string }).errorCode ?? (error as Error).name;
  }
  throw new Error("expected a rejection");
}
