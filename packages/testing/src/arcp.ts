import { type ArcpSession, type ArcpTransport, type ConnectOptions, connect, createMemoryPair } from "@imprest/arcp";
import { arcpFeatures } from "@imprest/core/models/arcp";
import { type ManualClock, createManualClock, turn } from "./manual-clock.ts";

/** A frame of ARCP as a test reads it. */
export interface ScriptedFrame {
  readonly type: string;
  readonly id: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each type of frame has a payload of its own
  readonly payload: any;
  // oxlint-disable-next-line typescript/no-explicit-any -- and members of its own
  readonly [member: string]: any;
}

/** How long `until` waits for the client, in milliseconds of real time: it may read a file first. */
const patienceMs = 2_000;

/**
 * An ARCP runtime that sends what a test writes, frame by frame, in memory and on a clock that the test moves. It accepts
 * connections by itself, and answers nothing else: `onFrame` does, or the test in its own time.
 * @example
 * const runtime = new ScriptedRuntime();
 * const session = await runtime.connect();
 * const submitting = session.submit({ agent: "writer" });
 * await runtime.until("job.submit");
 * runtime.accept("job_1");
 * const job = await submitting;
 * runtime.drop(); // the client reconnects, on the runtime's clock
 * await runtime.clock.advance(1_000);
 * runtime.succeed("job_1", "a text");
 * const result = await job.result();
 */
export class ScriptedRuntime {
  readonly clock: ManualClock;
  /** Everything that the client sent, by connection. */
  readonly received: ScriptedFrame[][] = [];
  /** Members of the welcome's payload that differ from the default. */
  welcome: Readonly<Record<string, unknown>> = {};
  sessionId = "sess_1";
  /** What answers a hello; the welcome where it returns nothing. */
  onHello: ((hello: ScriptedFrame) => object | undefined) | undefined;
  /** Called with every other frame. */
  onFrame: ((frame: ScriptedFrame) => void) | undefined;
  /** The codes of the warnings that sessions of `connect` emitted. */
  readonly warnings: string[] = [];
  /** The states that sessions of `connect` went through. */
  readonly states: string[] = [];
  readonly #ends: ArcpTransport[] = [];
  /** One for all frames: an event that is sent again is the same event. */
  readonly #timestamp: string;
  #seq = 0;
  #count = 0;

  /** @param clock one that other parts of the test share; its own by default. */
  constructor(clock: ManualClock = createManualClock()) {
    this.clock = clock;
    this.#timestamp = new Date(clock.now()).toISOString();
  }

  /** Opens a connection: what `connect` of `@imprest/arcp` takes in place of a URL. */
  readonly dial = (): ArcpTransport => {
    const [client, end] = createMemoryPair();
    const frames: ScriptedFrame[] = [];
    this.#ends.push(end);
    this.received.push(frames);
    end.onMessage((text) => {
      const frame = JSON.parse(text) as ScriptedFrame;
      frames.push(frame);
      if (frame.type !== "session.hello") this.onFrame?.(frame);
      else this.send(this.onHello?.(frame) ?? this.#welcome());
    });
    return withoutPause(client);
  };

  /** Connects a client on the runtime's clock, which waits 100 ms before it connects again. */
  async connect(options: Partial<ConnectOptions> = {}): Promise<ArcpSession> {
    const session = await connect(this.dial, { token: "a-token", clock: this.clock, backOff: () => 100, ...options });
    session.on("warning", ({ code }) => this.warnings.push(code));
    session.on("state", ({ state }) => this.states.push(state));
    return session;
  }

  /** Sends a frame; protocol, id and session are filled in where it has none. */
  send(frame: object): void {
    this.sendText(JSON.stringify({ arcp: "1.1", id: `msg_r${this.#count++}`, session_id: this.sessionId, ...frame }));
  }

  /** Sends a text as it is, JSON or not. */
  sendText(text: string): void {
    const end = this.#ends.at(-1);
    if (end === undefined) throw new Error("No client is connected.");
    end.send(text);
  }

  /** Sends a frame of a job under the next event number. */
  numbered(type: string, jobId: string, payload: object, members: object = {}): void {
    this.send({ type, job_id: jobId, event_seq: ++this.#seq, payload, ...members });
  }

  /** Sends an event of a job: `runtime.event("job_1", "metric", { name: "cost.model", value: 0.07, unit: "USD" })`. */
  event(jobId: string, kind: string, body: unknown, members: object = {}): void {
    this.numbered("job.event", jobId, { kind, ts: this.#timestamp, body }, members);
  }

  /** Sends a log event of a job. */
  log(jobId: string, message: string): void {
    this.event(jobId, "log", { level: "info", message });
  }

  /** Accepts the job that was submitted first of those that wait; `payload` may hold its lease. */
  accept(jobId: string, payload: object = {}, members: object = {}): void {
    const accepted = { job_id: jobId, lease: {}, accepted_at: this.#timestamp, ...payload };
    this.send({ type: "job.accepted", job_id: jobId, payload: accepted, ...members });
  }

  /** Ends a job with its result. */
  succeed(jobId: string, result: unknown = "done"): void {
    this.numbered("job.result", jobId, { final_status: "success", result });
  }

  /** The event number of the next numbered frame: one that is skipped is a gap, one that was sent is a repetition. */
  set nextSeq(seq: number) {
    this.#seq = seq - 1;
  }

  /** The frames of one type that the client sent, over all connections. */
  framesOf(type: string): ScriptedFrame[] {
    return this.received.flat().filter((frame) => frame.type === type);
  }

  /**
   * Waits until the client has sent `count` frames of a type, and returns the last of them.
   * @throws Error when it has not within two seconds of real time.
   */
  async until(type: string, count = 1): Promise<ScriptedFrame> {
    const end = performance.now() + patienceMs;
    for (;;) {
      const frame = this.framesOf(type)[count - 1];
      if (frame !== undefined) return frame;
      if (performance.now() > end) throw new Error(`The client sent no ${type}.`);
      await turn();
    }
  }

  /** Breaks the connection without a word. */
  drop(): void {
    this.#ends.at(-1)?.close(1006);
  }

  #welcome(): object {
    this.#count++;
    return {
      type: "session.welcome",
      session_id: this.sessionId,
      payload: {
        runtime: { name: "scripted", version: "1" },
        resume_token: `rt_${this.#count}`,
        resume_window_sec: 600,
        heartbeat_interval_sec: 30,
        capabilities: { encodings: ["json"], features: arcpFeatures, agents: [{ name: "echo", versions: [] }] },
        ...this.welcome,
      },
    };
  }
}

/** A connection that, like a WebSocket, cannot stop reading. */
function withoutPause(transport: ArcpTransport): ArcpTransport {
  return {
    confidential: transport.confidential,
    closed: transport.closed,
    send: (text) => transport.send(text),
    onMessage: (listener) => transport.onMessage(listener),
    close: (code, reason) => transport.close(code, reason),
  };
}
