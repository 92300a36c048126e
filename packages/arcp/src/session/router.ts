import type { JobAccepted, WireFailure } from "@imprest/core/models/arcp";
import { ArcpError } from "../errors.ts";
import type { JobOutcome } from "../job/job-outcome.ts";
import { JobState, type JobSurroundings } from "../job/job-state.ts";
import { EarlyFrames } from "./early-frames.ts";
import { type Frame, jobIdOf, textOf } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import type { Hole } from "../frame/sequence.ts";
import type { Ledger, PendingRequest } from "./ledger.ts";

/** What the router reports to its session. */
export interface RouterHooks {
  warning(code: string, message: string): void;
  /** A job was accepted, or a subscription granted, whose caller has gone. */
  unwanted(request: "submit" | "subscribe", jobId: string): void;
  /** The runtime ends the session as such. */
  fatal(failure: Partial<WireFailure>): void;
}

/** Refusals that only a submit can meet, whatever job they name. */
const submitOnly = new Set(["DUPLICATE_KEY", "AGENT_NOT_AVAILABLE", "AGENT_VERSION_NOT_AVAILABLE"]);
/** How many ended jobs are remembered, for a submit under a key that was used before; and how many ignored ones. */
const mostEnded = 256;

/**
 * Finds out whom a frame concerns. Most answers of most runtimes name no request, so that these rules
 * apply: a child's acceptance answers nothing, one request's refusal touches no job, and answers come in order.
 */
export class Router {
  readonly jobs: Map<string, JobState> = new Map();
  /** The last jobs that ended, oldest first: how, and the state for as long as someone else holds it. */
  readonly #ended = new Map<string, { readonly outcome: JobOutcome | undefined; readonly state: WeakRef<JobState> }>();
  /** Ended jobs whose events are still being read. */
  readonly #draining = new Set<JobState>();
  readonly #ledger: Ledger;
  readonly #hooks: RouterHooks;
  readonly #surroundings: JobSurroundings;
  readonly #early = new EarlyFrames();
  readonly #unwanted = new Set<string>();
  /** Makes a handle for events of a job nobody here submitted: after going on with another process's session. */
  adopts = false;

  constructor(ledger: Ledger, surroundings: JobSurroundings, hooks: RouterHooks) {
    this.#ledger = ledger;
    this.#hooks = hooks;
    this.#surroundings = surroundings;
  }

  route(frame: Frame, size: number): void {
    switch (frame.type) {
      case "job.event":
      case "job.result":
        return this.#toJob(frame, size);
      case "job.error":
        return this.#jobError(frame, size);
      case "job.accepted":
        return this.#accepted(frame);
      case "session.error":
        return this.#sessionError(frame);
      case "session.jobs":
        return this.#answer(
          this.#named(frame, () => this.#ledger.take("list")),
          frame,
        );
      case "job.subscribed":
        return this.#admitted(
          this.#named(frame, () => this.#ledger.take("subscribe", jobIdOf(frame))),
          frame,
        );
      case "job.cancelled":
        return this.#answer(
          this.#named(frame, () => this.#ledger.take("cancel", jobIdOf(frame))),
          frame,
          false,
        );
      case "session.pong":
        return this.#answer(this.#ledger.take("ping"), frame, false);
      default:
        this.#hooks.warning("UNKNOWN_TYPE", `A frame of type "${frame.type}" was not understood; see the frame event.`);
    }
  }

  /** The state of a job; frames that came before it are delivered now. */
  admit(jobId: string, describe: (job: JobState) => void): JobState {
    const known = this.jobs.get(jobId);
    const job = known ?? new JobState(jobId, this.#surroundings);
    this.jobs.set(jobId, job);
    describe(job);
    this.#unwanted.delete(jobId);
    if (this.#early.isEmpty) return job;
    for (const item of this.#early.take(jobId, this.#ledger.expectsJobs)) {
      if ("jobId" in item) this.#deliver(job, item.frame, item.size);
      else if ("overflow" in item) job.miss({ from: item.from, to: item.to });
      else if (known === undefined) job.gap(item);
    }
    return job;
  }

  /** Events are missing, perhaps of any job. */
  gap(hole: Hole): void {
    for (const job of this.jobs.values()) job.gap(hole);
    if (this.#ledger.expectsJobs) this.#early.gap(hole);
  }

  /** How a job ended that ended a short while ago; chunks are not kept. */
  outcomeOf(jobId: string): JobOutcome | undefined {
    return this.#ended.get(jobId)?.outcome;
  }

  /** A job that runs, or ended a short while ago and is still held by someone. */
  find(jobId: string): JobState | undefined {
    return this.jobs.get(jobId) ?? this.#ended.get(jobId)?.state.deref();
  }

  /** Every job that someone may be reading. */
  readable(): JobState[] {
    for (const job of this.#draining) if (!job.log.read) this.#draining.delete(job);
    return [...this.jobs.values(), ...this.#draining];
  }

  /** Ends the routing to a job; how it ended is remembered for a while. */
  retire(job: JobState): void {
    this.jobs.delete(job.id);
    if (job.log.read) this.#draining.add(job);
    this.#ended.delete(job.id);
    this.#ended.set(job.id, { outcome: job.settled, state: new WeakRef(job) });
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > mostEnded && oldest !== undefined) this.#ended.delete(oldest);
    for (let cancel = this.#ledger.take("cancel", job.id); cancel; cancel = this.#ledger.take("cancel", job.id)) {
      cancel.answered({ type: "job.cancelled", payload: {} });
    }
  }

  /** A lost job runs anew under another id. */
  rebind(job: JobState, jobId: string, accepted: Frame): void {
    this.jobs.delete(job.id);
    job.restart(jobId);
    this.jobs.set(jobId, job);
    this.admit(jobId, () => job.describe(payloadOf("job.accepted", accepted), accepted.trace_id));
  }

  /** The session that the waiting frames belong to is gone. */
  forgetEarly(): void {
    this.#early.clear();
  }

  /** What still comes for this job is dropped without a word. */
  ignore(jobId: string): void {
    this.jobs.delete(jobId);
    this.#unwanted.add(jobId);
    const [oldest] = this.#unwanted;
    if (this.#unwanted.size > mostEnded && oldest !== undefined) this.#unwanted.delete(oldest);
  }

  /** The highest number up to which every consumer has processed its events. */
  processed(delivered: number): number {
    let processed = Math.min(delivered, (this.#early.oldest ?? Infinity) - 1);
    for (const job of this.readable()) {
      const oldest = job.log.oldestUnprocessed();
      if (oldest !== undefined && oldest <= processed) processed = oldest - 1;
    }
    return processed;
  }

  /** The request that a frame names; where it names none, what `otherwise` finds. A name never falls back. */
  #named(frame: Frame, otherwise: () => PendingRequest | undefined): PendingRequest | undefined {
    const requestId = textOf(frame.payload["request_id"]);
    return requestId === undefined ? otherwise() : this.#ledger.takeNamed(requestId);
  }

  #answer(request: PendingRequest | undefined, frame: Frame, expected = true): void {
    if (request !== undefined) request.answered(frame);
    else if (expected) this.#hooks.warning("UNMATCHED_ANSWER", `A ${frame.type} came that answers no request.`);
  }

  #toJob(frame: Frame, size: number): void {
    const jobId = jobIdOf(frame);
    const job = jobId === undefined ? undefined : this.jobs.get(jobId);
    if (job !== undefined) this.#deliver(job, frame, size);
    else if (jobId !== undefined) this.#orphan(frame, jobId, size);
    else this.#hooks.warning("NO_JOB", `A ${frame.type} came that names no job.`);
  }

  #deliver(job: JobState, frame: Frame, size: number): void {
    const { event_seq: seq = 0 } = frame;
    if (frame.type === "job.event") job.event(frame, seq, size);
    else if (frame.type === "job.result") job.result(frame, seq);
    else job.error(frame, seq);
  }

  #orphan(frame: Frame, jobId: string, size: number): void {
    if (this.#ended.has(jobId) || this.#unwanted.has(jobId)) return;
    if (this.adopts) {
      this.#deliver(
        this.admit(jobId, () => {}),
        frame,
        size,
      );
    } else if (this.#ledger.expectsJobs) {
      this.#early.add(frame, jobId, size);
    } else {
      this.#hooks.warning("UNKNOWN_JOB", `A ${frame.type} came for job ${jobId}, which this session does not know.`);
    }
  }

  #accepted(frame: Frame): void {
    const jobId = jobIdOf(frame);
    if (jobId === undefined) return this.#hooks.warning("NO_JOB", "A job.accepted came that names no job.");
    const told = payloadOf("job.accepted", frame);
    if (told.parent_job_id || told.delegate_id) return this.#child(jobId, told, frame.trace_id);
    const request = this.#named(frame, () => this.#ledger.takeSubmit(frame.trace_id ?? told.trace_id));
    if (request === undefined) {
      // A submit that was sent again after a reconnect is answered twice, with the same job.
      if (!this.#knows(jobId)) this.#answer(undefined, frame);
    } else this.#admitted(request, frame);
  }

  /** An answer that brings a job: to the caller, or, when that one has gone, to nobody. */
  #admitted(request: PendingRequest | undefined, frame: Frame): void {
    const jobId = jobIdOf(frame);
    if (request?.abandoned !== true || jobId === undefined) return this.#answer(request, frame);
    if (this.#knows(jobId)) return;
    this.ignore(jobId);
    this.#hooks.unwanted(request.kind === "submit" ? "submit" : "subscribe", jobId);
  }

  #knows(jobId: string): boolean {
    return this.jobs.has(jobId) || this.#ended.has(jobId);
  }

  /** A delegated job: announced unasked, it belongs to its parent (ARCP §10). */
  #child(jobId: string, told: Partial<JobAccepted>, traceId: string | undefined): void {
    if (this.#ended.has(jobId)) return;
    const parent = told.parent_job_id ? this.find(told.parent_job_id) : undefined;
    const known = this.jobs.has(jobId);
    const child = this.admit(jobId, (job) => job.describe(told, traceId));
    if (!known) parent?.children.push(child);
  }

  #jobError(frame: Frame, size: number): void {
    const failure = payloadOf("job.error", frame);
    const jobId = jobIdOf(frame);
    const job = jobId === undefined ? undefined : this.jobs.get(jobId);
    const request = this.#named(frame, () => this.#refused(failure.code, frame.trace_id, jobId, job));
    if (request !== undefined) return this.#refuse(request, failure, jobId);
    if (job !== undefined) return this.#deliver(job, frame, size);
    // Where a subscription may still bring the job, this may be its end; else it can only refuse a submit.
    if (jobId !== undefined) this.#orphan(frame, jobId, size);
    else
      this.#hooks.warning(
        "UNMATCHED_ERROR",
        `A job.error ${failure.code ?? "without a code"} came that concerns no job.`,
      );
  }

  /** The request that a `job.error` without `request_id` refuses; `undefined` when it ends a job. */
  #refused(
    code: string | undefined,
    traceId: string | undefined,
    jobId: string | undefined,
    job: JobState | undefined,
  ): PendingRequest | undefined {
    if (code !== undefined && submitOnly.has(code)) {
      const endsJob = job?.traceId !== undefined && job.traceId === traceId;
      return endsJob ? undefined : this.#ledger.takeSubmit(traceId);
    }
    if (code === "JOB_NOT_FOUND" && jobId !== undefined) {
      return this.#ledger.take("subscribe", jobId) ?? this.#ledger.take("cancel", jobId);
    }
    if (code === "PERMISSION_DENIED" && jobId !== undefined && traceId === undefined) {
      const denied = this.#ledger.take("cancel", jobId) ?? this.#ledger.take("subscribe", jobId);
      if (denied !== undefined) return denied;
    }
    const known = job !== undefined || (jobId !== undefined && (this.#ended.has(jobId) || this.#unwanted.has(jobId)));
    return known ? undefined : this.#ledger.takeSubmit(traceId);
  }

  #sessionError(frame: Frame): void {
    const failure = payloadOf("session.error", frame);
    const { code, message = "" } = failure;
    if (failure.request_id) {
      const named = this.#ledger.takeNamed(failure.request_id);
      if (named !== undefined) this.#refuse(named, failure, undefined);
      return;
    }
    const capExceeded = code === "INTERNAL_ERROR" && /cap exceeded/i.test(message);
    if (code === "HEARTBEAT_LOST" || code === "RESUME_WINDOW_EXPIRED" || code === "UNAUTHENTICATED" || capExceeded) {
      return this.#hooks.fatal(failure);
    }
    const request = this.#ledger.takeHead();
    if (request !== undefined) return this.#refuse(request, failure, failure.job_id || undefined);
    this.#hooks.warning(code || "SESSION_ERROR", message || "The runtime reported an error.");
  }

  #refuse(request: PendingRequest, failure: Partial<WireFailure>, jobId: string | undefined): void {
    request.failed(new ArcpError(failure, { phase: request.kind, jobId, traceId: request.traceId }));
  }
}
