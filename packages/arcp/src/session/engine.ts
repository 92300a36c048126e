import { type CallOptions, ConnectionError, type Timer } from "@imprest/core";
import { Emitter, createDeferred } from "@imprest/core/internal";
import type { JobSubmit, WireFailure } from "@imprest/core/models/arcp";
import { ArcpError, SessionEndedError } from "../errors.ts";
import type { JobState, JobSurroundings } from "../job/job-state.ts";
import type { Origin } from "../job/origin.ts";
import { Pressure } from "../job/pressure.ts";
import { Acknowledger } from "./acknowledger.ts";
import { Adoption } from "./adoption.ts";
import { Connection } from "./connection.ts";
import type { ConnectionHooks } from "./connection-hooks.ts";
import { settleWithin } from "../frame/deadline.ts";
import type { SessionEvents } from "./events.ts";
import { type Frame, jobIdOf, readFrame } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import { Ledger } from "./ledger.ts";
import type { Settings } from "./options.ts";
import { Recovery } from "./recovery.ts";
import { redactFrame } from "../frame/redact.ts";
import { unknownHole } from "../frame/replay.ts";
import { Requests } from "./requests.ts";
import { Router } from "./router.ts";
import { StallGuard } from "./stall-guard.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { SessionTicket } from "./ticket.ts";
import type { Welcome } from "./welcome.ts";

/** The rooms of a session put together: connection, routing, acknowledgement, recovery, back-pressure. */
export class SessionEngine {
  readonly emitter: Emitter<SessionEvents>;
  readonly connection: Connection;
  readonly #settings: Settings;
  readonly #ledger = new Ledger();
  readonly requests: Requests;
  readonly #router: Router;
  readonly #acknowledger: Acknowledger;
  readonly #recovery: Recovery;
  readonly #adoption: Adoption;
  readonly subscriptions: Subscriptions;
  readonly #pressure: Pressure;
  readonly #stallGuard: StallGuard;
  /** Features that the runtime used although they were not negotiated; each is warned of once. */
  readonly #unnegotiated = new Set<string>();
  readonly #resumedFrom: SessionTicket | undefined;
  readonly #readerTimers = new Set<Timer>();
  #started = false;
  /** Takes the runtime's answer to a goodbye. */
  #farewell: ((closed: boolean) => void) | undefined;

  constructor(settings: Settings, ticket: SessionTicket | undefined) {
    const { clock } = settings;
    this.#settings = settings;
    this.emitter = new Emitter(settings.logger);
    this.requests = new Requests(this.#ledger, settings, (...frame) => this.connection.send(...frame));
    this.#stallGuard = new StallGuard(clock, settings.stallTimeoutMs, () => this.#router.readable());
    this.#pressure = new Pressure(settings.bufferSize, (high) => {
      this.#stallGuard.watch(high);
      this.connection.throttle(high);
    });
    const surroundings: JobSurroundings = {
      pressure: this.#pressure,
      maxResultBytes: settings.maxResultBytes,
      ended: (job) => this.#router.retire(job),
      failed: (error) => this.warn("LISTENER_FAILED", error instanceof Error ? error.message : "a callback threw"),
      used: (feature) => this.#used(feature),
      missing: (hole) => this.emitter.emit("gap", hole),
    };
    this.#router = new Router(this.#ledger, surroundings, {
      warning: (code, message) => this.warn(code, message),
      unwanted: (request, jobId) => {
        if (request === "submit") this.#send("job.cancel", { reason: "the submitter has gone" }, { jobId });
        else this.#send("job.unsubscribe", { job_id: jobId }, { jobId });
      },
      fatal: (failure) => this.#fatal(failure),
    });
    this.#router.adopts = ticket !== undefined;
    this.connection = new Connection(settings, this.#connectionHooks(), ticket);
    this.#acknowledger = new Acknowledger({
      clock,
      everyMs: settings.acknowledgeEveryMs,
      everyEvents: settings.acknowledgeEvents,
      processed: () => this.#router.processed(this.connection.sequence.last),
      send: (seq) => this.#sendAcknowledgement(seq),
    });
    const { connection, requests } = this;
    const rooms = { connection, requests, router: this.#router, ledger: this.#ledger };
    this.#recovery = new Recovery(rooms, settings);
    this.#adoption = new Adoption(rooms, this.#recovery);
    this.subscriptions = new Subscriptions(rooms);
    this.#resumedFrom = ticket;
  }

  /** @throws SessionEndedError before the first welcome. */
  get welcome(): Welcome {
    const { welcome } = this.connection;
    if (welcome === undefined) throw new SessionEndedError("The session is not open yet.");
    return welcome;
  }

  warn(code: string, message: string): void {
    this.#settings.logger.warn(message, { code });
    this.emitter.emit("warning", { code, message });
  }

  /** A job that runs, or ended a short while ago. */
  find(jobId: string): JobState | undefined {
    return this.#router.find(jobId);
  }

  /** What it takes to go on with this session elsewhere: its jobs that have not ended are named. */
  get ticket(): SessionTicket | undefined {
    const { ticket } = this.connection;
    const own = [...this.#router.jobs.values()].filter(({ origin }) => !origin.observed);
    return ticket && { ...ticket, jobs: own.map(({ id }) => id) };
  }

  /** A job that was submitted in this session before. */
  attach(jobId: string, options: CallOptions | undefined): Promise<JobState> {
    return this.#adoption.attach(jobId, options);
  }

  async submit(
    submit: JobSubmit,
    origin: Origin,
    options: CallOptions & { readonly traceId: string },
  ): Promise<JobState> {
    const { traceId, traceparent } = options;
    const extensions = traceparent ? { "x-vendor.opentelemetry.tracecontext": { traceparent } } : undefined;
    const accepted = createDeferred<JobState>();
    const sessions = new Set<string>();
    await this.requests.run({
      ...options,
      kind: "submit",
      repeatable: submit.idempotency_key !== undefined,
      send: () => {
        sessions.add(this.welcome.sessionId);
        return this.#send("job.submit", submit, { traceId, extensions });
      },
      answered: (frame) => {
        // A session that is gone may have had the job first, and its first events with it.
        accepted.resolve(this.#accept(frame, origin, traceId, sessions.size > 1));
      },
    });
    return accepted.promise;
  }

  /** Acknowledges at once what is processed. */
  acknowledge(): void {
    this.#acknowledger.flush();
  }

  /** Says goodbye: `session.close`, then `session.bye` to a runtime that does not know it. */
  async farewell(reason: string, waitMs: number): Promise<void> {
    if (!this.connection.connected) return;
    this.connection.setState("closing");
    // Nothing else is sent behind a goodbye.
    this.requests.end(new SessionEndedError("The session is closing."));
    this.#acknowledger.stop();
    this.#recovery.stop();
    for (const verb of ["session.close", "session.bye"]) {
      const answer = createDeferred<boolean>();
      this.#farewell = (closed) => answer.resolve(closed);
      this.#send(verb, { reason });
      const wait = settleWithin(answer.promise, { timeoutMs: waitMs }, this.#settings.clock, "Closing");
      if (await wait.catch(() => false)) return;
    }
  }

  #send(type: string, payload: object, header?: Parameters<Connection["send"]>[2]): string {
    return this.connection.send(type, payload, header);
  }

  /** Takes in an acceptance. The same job again is the same job: one state, however many handles (ARCP §7.2). */
  #accept(frame: Frame, origin: Origin, traceId: string, mayMissEvents: boolean): JobState {
    const jobId = jobIdOf(frame) ?? "";
    const before = this.#router.outcomeOf(jobId);
    const known = this.#router.jobs.has(jobId);
    let joins = false;
    const job = this.#router.admit(jobId, (state) => {
      if (known) return;
      this.#holdForReader(state);
      state.describe(payloadOf("job.accepted", frame), frame.trace_id);
      state.origin = origin;
      joins = state.traceId !== undefined && state.traceId !== traceId;
      // Of a job that was submitted before, a runtime brings the end, and not what it spent on the way.
      if (mayMissEvents || before !== undefined || (joins && origin.mayJoin === true)) {
        state.miss(unknownHole);
        // Its numbers are those of the session that had it first: a replay can only begin where that began.
        state.replayFrom = 0;
      }
    });
    if (before !== undefined) job.adopt(before);
    else if (joins) this.#recovery.joined(job);
    return job;
  }

  /** Events may have come before the caller has the handle: they are kept for the turn in which it may begin to read. */
  #holdForReader(job: JobState): void {
    job.log.pin();
    const timer = this.#settings.clock.setTimer(() => {
      this.#readerTimers.delete(timer);
      job.log.unpin();
    }, 0);
    this.#readerTimers.add(timer);
  }

  #start(): void {
    this.#recovery.start();
    if (this.#resumedFrom !== undefined) void this.#adoption.afterResume(this.#resumedFrom.jobs);
  }

  #sendAcknowledgement(seq: number): boolean {
    if (this.connection.state !== "live" || !this.welcome.features.has("ack")) return false;
    this.#send("session.ack", { last_processed_seq: seq });
    return true;
  }

  #connectionHooks(): ConnectionHooks {
    return {
      frame: (frame, size) => this.#frame(frame, size),
      live: (resumed) => {
        this.#acknowledger.restart(this.connection.sequence.last);
        if (!this.#started) this.#start();
        else if (resumed) void this.#recovery.resumed();
        else {
          this.#router.forgetEarly();
          this.#recovery.renewed();
        }
        this.#started = true;
        if (this.#pressure.high) this.connection.throttle(true);
      },
      down: () => {
        this.#farewell?.(true);
        this.#acknowledger.stop();
        this.#recovery.down();
        for (const request of this.#ledger.shut()) {
          request.failed(new ConnectionError("The connection broke before the runtime answered; it may have acted."));
        }
      },
      ended: (error) => this.#end(error),
      gap: (hole) => {
        this.emitter.emit("gap", hole);
        this.#router.gap(hole);
      },
      state: (state, cause) => this.emitter.emit("state", { state, cause }),
      warning: (code, message) => this.warn(code, message),
      watch: (direction, text) => {
        if (this.emitter.hears("frame")) this.emitter.emit("frame", { direction, frame: redactFrame(readFrame(text)) });
      },
    };
  }

  #frame(frame: Frame, size: number): void {
    const farewell = this.#farewell;
    if (farewell !== undefined && (frame.type === "session.closed" || frame.type === "session.error")) {
      return farewell(frame.type === "session.closed");
    }
    this.#router.route(frame, size);
    const seq = this.connection.sequence.last;
    if (typeof frame.event_seq === "number" && this.welcome.features.has("ack")) this.#acknowledger.delivered(seq);
  }

  #used(feature: string): void {
    if (this.welcome.features.has(feature) || this.#unnegotiated.has(feature)) return;
    this.#unnegotiated.add(feature);
    this.warn("UNNEGOTIATED_FEATURE", `The runtime used ${feature}, which was not negotiated.`);
  }

  /** The runtime gives the session up as such. */
  #fatal(failure: Partial<WireFailure>): void {
    if (failure.code === "RESUME_WINDOW_EXPIRED") this.connection.forget();
    this.connection.restart(new ArcpError(failure, { phase: "session" }));
  }

  #end(error: SessionEndedError): void {
    this.#farewell?.(true);
    this.#acknowledger.stop();
    this.#recovery.stop();
    this.#stallGuard.watch(false);
    for (const timer of this.#readerTimers) timer.clear();
    this.requests.end(error);
    for (const job of this.#router.jobs.values()) job.lose(error);
  }
}
