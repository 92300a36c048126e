import { type Timer } from "@imprest/core";
import { createDeferred, type Deferred, parseJson, stringifyJson } from "@imprest/core/internal";
import { type ArcpEnvelope, arcpVersion, type WireFailure } from "@imprest/core/models/arcp";
import type { OutgoingPayload } from "./dialects/dialect.ts";
import type { JobMessage } from "./job-history.ts";
import type { FrameJob, JobListener, ListenedJob } from "./job-listener.ts";
import type { RuntimeSettings } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { type ClientReading, draft } from "./readings/reading.ts";
import type { SessionLine } from "./session-line.ts";

/** Frames are sent once what was written before them outlives the process. */
export interface Gate {
  /** Settles once all that was written so far does; never rejects. */
  written(): Promise<void>;
}

/** What few frames have beside the rest. */
interface FrameExtras {
  /** The frame's id, instead of a fresh one. */
  readonly requestId?: string | undefined;
  /** As JSON. */
  readonly extensions?: string | undefined;
}

/** How many request ids a session remembers, to recognise a frame that came twice. */
const rememberedRequests = 1024;

/**
 * One session: it outlives its connections. What carries a sequence number goes through the outbox, so that a client
 * which comes back gets it; answers to requests go to the connection there is.
 */
export class RuntimeSession implements JobListener {
  readonly id: string;
  readonly principal: string;
  /** Unfinished jobs that this session submitted: it gets their events and may cancel them. */
  readonly submitted: Set<ListenedJob> = new Set();
  /** Jobs that it subscribed to. */
  readonly observed: Set<ListenedJob> = new Set();
  /** Negotiated features; a resume negotiates anew. */
  features: ReadonlySet<string> = new Set();
  /** How its client reads what is written to it. */
  reading: ClientReading = draft;
  resumeToken = "";
  /** SHA-256 of the token that an earlier process gave out. */
  tokenDigest: string | undefined;
  line: SessionLine | undefined;
  ended = false;
  /** A credential's value went to this session: it may only go on over a confidential transport. */
  holdsSecrets = false;
  /** Monotonic time of the last request or job event. */
  activeAtMs: number;
  lastSeq = 0;
  readonly #settings: RuntimeSettings;
  readonly #outbox: Outbox;
  readonly #gate: Gate | undefined;
  /** The number to which frames may be sent. */
  #writtenSeq: number;
  readonly #requests = new Set<string>();
  #acknowledged = 0;
  #warned = false;
  #waiting: Deferred<void> | undefined;
  #patience: Timer | undefined;
  #acknowledges = true;

  constructor(
    principal: string,
    settings: RuntimeSettings,
    { id, gate }: { readonly id?: string; readonly gate?: Gate | undefined } = {},
  ) {
    this.id = id ?? settings.identifiers.next("sess");
    this.#gate = gate;
    this.#writtenSeq = gate === undefined ? Infinity : 0;
    this.principal = principal;
    this.#settings = settings;
    this.activeAtMs = settings.clock.monotonic();
    this.#outbox = new Outbox({ maxFrames: settings.maxOutboxFrames, maxCharacters: settings.maxOutboxCharacters });
  }

  /** Negotiated, and over a transport that nobody can read along (ARCP §9.8.2). */
  get mayHoldCredentials(): boolean {
    return this.features.has("provisioned_credentials") && this.line?.confidential === true;
  }

  /** Sends an answer, or another frame without a number; lost when nobody is connected. */
  send(type: string, payload: OutgoingPayload, job?: FrameJob): void {
    this.line?.send(this.#frame(type, payload, job));
  }

  /** Sends a frame without a number that a resume must bring again: the acceptance of a delegated job. */
  sendKept(type: string, payload: OutgoingPayload, job: FrameJob): void {
    this.#outbox.push(this.#frame(type, payload, job), this.lastSeq, false);
    this.flush();
  }

  /** Sends what a job emitted, with the session's next number. @returns that number, or undefined when it is not for it. */
  deliver(message: JobMessage, job: FrameJob & { readonly principal: string }): number | undefined {
    if (this.ended || (message.feature !== undefined && !this.features.has(message.feature))) return undefined;
    const isPrivy = this.principal === job.principal && this.features.has("provisioned_credentials");
    const written = isPrivy ? message.text : (message.redactedText ?? message.text);
    const [type, text] = this.#read(message.type, written);
    const seq = this.#push(type, text, job, message);
    if (isPrivy && message.redactedText !== undefined) this.holdsSecrets = true;
    return seq;
  }

  restore(message: JobMessage, seq: number, job: FrameJob): void {
    if (this.ended) return;
    // Frames that are not of its own jobs are not written: what was between cannot be sent again.
    if (seq > this.lastSeq + 1) this.#outbox.lose(seq - 1);
    this.lastSeq = seq;
    this.#writtenSeq = seq;
    const [type, text] = this.#read(message.type, message.text);
    this.#outbox.push(this.#frameText(type, text, job, seq, message), seq, true);
  }

  /**
   * Tells the client that a request failed. Where a reference runtime uses a numbered `job.error` for it, that is what
   * is sent, with the habits that make it hard to tell whose it is.
   */
  refuse(request: ArcpEnvelope, failure: WireFailure): void {
    if (this.reading.refusal === "echo") return this.#echo(request, failure);
    const isSubmit = this.reading.refusal === "job.error" && request.type === "job.submit";
    const type = isSubmit ? "job.error" : this.#settings.dialect.refusalType(request.type, failure.code);
    const about = request.job_id ?? (request.payload as { job_id?: unknown } | null)?.job_id;
    const jobId = typeof about === "string" ? about : undefined;
    const existing = failure.details?.["existing_job_id"];
    if (type === "session.error") {
      this.send(type, { ...failure, request_id: request.id, ...(jobId === undefined ? {} : { job_id: jobId }) });
      return;
    }
    const [shapedType, shaped] = this.#shape(type, { final_status: "error", ...failure });
    const named = isSubmit ? undefined : (jobId ?? (typeof existing === "string" ? existing : undefined));
    const id = named ?? this.#settings.identifiers.next("job");
    this.#push(shapedType, stringifyJson(shaped), { id, traceId: isSubmit ? request.trace_id : undefined });
  }

  /** A refusal without a number, under the request's own id; of a job only where that ends the client's wait for it. */
  #echo({ id: requestId, type, job_id }: ArcpEnvelope, failure: WireFailure): void {
    const job = type === "job.subscribe" && job_id !== undefined ? { id: job_id } : undefined;
    const payload = stringifyJson({ final_status: "error", ...failure });
    this.line?.send(this.#frameText("job.error", payload, job, undefined, { requestId }));
  }

  /** True when a request with this id was taken before: the frame came twice. */
  isRepeated(requestId: string): boolean {
    if (this.#requests.has(requestId)) return true;
    this.#requests.add(requestId);
    if (this.#requests.size > rememberedRequests) {
      for (const oldest of this.#requests) {
        this.#requests.delete(oldest);
        break;
      }
    }
    return false;
  }

  /** `session.ack` (ARCP §6.5): advisory, and only ever forward. */
  acknowledge(seq: number): void {
    if (seq <= this.#acknowledged || seq > this.lastSeq) return;
    this.#acknowledged = seq;
    this.#acknowledges = true;
    this.#outbox.received(seq);
    if (this.#settings.dialect.ackFrees) this.#outbox.free(seq);
    if (this.lastSeq - seq < this.#settings.backPressureThreshold) this.#warned = false;
    this.#wake();
  }

  /** Whether everything after `seq` can be sent again. */
  covers(seq: number): boolean {
    return seq <= this.lastSeq && this.#outbox.covers(seq);
  }

  /** Goes on over `line`; frames after `lastSeq` are sent again once `flush` is called. */
  attach(line: SessionLine, lastSeq: number): void {
    this.line = line;
    this.#acknowledges = true;
    this.#outbox.rewind(lastSeq);
    // Acknowledgements may have been lost with the connection; what is asked for says as much.
    this.#outbox.received(lastSeq);
    if (this.#waiting !== undefined) this.#losePatience();
    this.activeAtMs = this.#settings.clock.monotonic();
  }

  detach(): void {
    this.line = undefined;
  }

  /** Sends what waits, as far as the connection takes it. */
  flush(): void {
    const { line } = this;
    if (line === undefined || !line.welcomed) return;
    if (this.#outbox.takeLoss()) {
      line.fail("INTERNAL_ERROR", "The client reads too slowly: events were forced out of the buffer.");
      return;
    }
    while (!line.isCongested) {
      const text = this.#outbox.next(this.#writtenSeq);
      if (text === undefined) break;
      line.send(text);
    }
    if (this.#outbox.unsent > 0 && line.isCongested) line.flushLater();
    this.#wake();
  }

  /**
   * Waits until the client has caught up far enough for more. A disconnected client is waited for until its session
   * ends; one that acknowledges nothing for a while is taken at its word that acknowledging is optional.
   */
  ready(): Promise<void> | undefined {
    if (!this.#isFull) return undefined;
    this.#waiting ??= createDeferred<void>();
    if (this.line !== undefined) this.#losePatience();
    return this.#waiting.promise;
  }

  end(): void {
    this.ended = true;
    this.line = undefined;
    this.#outbox.free(Number.POSITIVE_INFINITY);
    this.#wake();
  }

  get #isFull(): boolean {
    if (this.ended) return false;
    const { maxOutboxFrames, maxOutboxCharacters } = this.#settings;
    const waitsForAck = this.line === undefined || (this.#acknowledges && this.features.has("ack"));
    // Half of the room is left for what agents send without waiting.
    if (!waitsForAck) return this.#outbox.unsent * 2 > maxOutboxFrames;
    const { outstanding, outstandingCharacters } = this.#outbox;
    return outstanding * 2 > maxOutboxFrames || outstandingCharacters * 2 > maxOutboxCharacters;
  }

  /** Starts the time after which a connected client that acknowledges nothing is no longer waited for. */
  #losePatience(): void {
    this.#patience ??= this.#settings.clock.setTimer(() => {
      this.#patience = undefined;
      this.#acknowledges = false;
      this.#wake();
    }, this.#settings.ackPatienceMs);
  }

  #wake(): void {
    if (this.#waiting === undefined || this.#isFull) return;
    this.#waiting.resolve();
    this.#waiting = undefined;
    this.#patience?.clear();
    this.#patience = undefined;
  }

  #push(
    type: string,
    payloadText: string,
    job: FrameJob,
    { unkept, extensions }: Pick<JobMessage, "unkept" | "extensions"> = {},
  ): number {
    const seq = ++this.lastSeq;
    this.activeAtMs = this.#settings.clock.monotonic();
    const text = this.#frameText(type, payloadText, job, seq, { extensions });
    if (unkept === true) this.line?.send(text);
    else this.#outbox.push(text, seq, true);
    if (this.#gate === undefined) this.flush();
    else void this.#gate.written().then(() => this.#mayGoTo(seq));
    this.#warnOfLag();
    return seq;
  }

  #mayGoTo(seq: number): void {
    if (seq <= this.#writtenSeq) return;
    this.#writtenSeq = seq;
    this.flush();
  }

  /** One `back_pressure` status each time the lag grows over the threshold (ARCP §6.5). */
  #warnOfLag(): void {
    const lag = this.lastSeq - this.#acknowledged;
    if (this.#warned || !this.features.has("ack") || lag <= this.#settings.backPressureThreshold) return;
    this.#warned = true;
    const newest = [...this.submitted].findLast(({ status }) => status === "running");
    if (newest === undefined) return;
    newest.tell(this, "status", { phase: "back_pressure", message: `event_seq lag ${lag} exceeds threshold` });
  }

  #frame(type: string, payload: OutgoingPayload, job?: FrameJob): string {
    const [shapedType, shaped] = this.#shape(type, payload);
    return this.#frameText(shapedType, stringifyJson(shaped), job, undefined);
  }

  #shape(type: string, payload: OutgoingPayload): readonly [string, OutgoingPayload] {
    const { dialect, clock } = this.#settings;
    const shaped = dialect.shape?.(type, payload, clock.now()) ?? [type, payload];
    return this.reading.shape?.(...shaped) ?? shaped;
  }

  /** A message of a job, which is written once for all sessions, as this one's client reads it. */
  #read(type: string, text: string): readonly [string, string] {
    if (this.reading.shape === undefined) return [type, text];
    const [shapedType, shaped] = this.reading.shape(type, parseJson(text) as OutgoingPayload);
    return [shapedType, stringifyJson(shaped)];
  }

  /** Identifiers hold no character that JSON would escape, so the envelope is put together as text. */
  #frameText(
    type: string,
    payloadText: string,
    job: FrameJob | undefined,
    seq: number | undefined,
    { requestId, extensions }: FrameExtras = {},
  ): string {
    const id = requestId === undefined ? `"${this.#settings.identifiers.next("msg")}"` : JSON.stringify(requestId);
    const about =
      job === undefined
        ? ""
        : `,"job_id":${JSON.stringify(job.id)}${job.traceId === undefined ? "" : `,"trace_id":"${job.traceId}"`}`;
    const numbered = seq === undefined ? "" : `,"event_seq":${seq}`;
    const more = extensions === undefined ? "" : `,"extensions":${extensions}`;
    return `{"arcp":"${arcpVersion}","id":${id},"type":"${type}","session_id":"${this.id}"${about}${numbered},"payload":${payloadText}${more}}`;
  }
}
