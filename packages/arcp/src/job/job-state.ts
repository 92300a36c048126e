import { type Deferred, createDeferred, stringifyJson, utf8 } from "@imprest/core/internal";
import type {
  JobAccepted,
  JobSubscribed,
  MetricBody,
  StatusBody,
  WireFailure,
  WireLease,
} from "@imprest/core/models/arcp";
import { ArcpError, ResultUnavailableError } from "../errors.ts";
import type { Frame } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import { unknownHole } from "../frame/replay.ts";
import type { Hole } from "../frame/sequence.ts";
import { JobCredentials } from "./credentials.ts";
import { type ArcpEvent, gapEvent, readEvent, rotationOf, withoutSecret } from "./event.ts";
import { EventLog } from "./event-log.ts";
import { JobBooks } from "./job-books.ts";
import type { JobOutcome } from "./job-outcome.ts";
import type { Origin } from "./origin.ts";
import type { Pressure } from "./pressure.ts";
import { ReplayMemory } from "./replay-memory.ts";
import { ResultBody } from "./result-body.ts";

/** What a job shares with its session. */
export interface JobSurroundings {
  readonly pressure: Pressure;
  readonly maxResultBytes: number;
  /** The job is over, or lost: nothing more is routed to it. */
  ended(state: JobState): void;
  /** A callback of the caller threw. */
  failed(error: unknown): void;
  /** The runtime used a feature that has to be negotiated. */
  used(feature: string): void;
  /** Events of one job are missing. */
  missing(hole: Hole): void;
}

/** What an acceptance or a subscription may say of a job. */
type JobDescription = {
  readonly [Member in keyof (JobAccepted & JobSubscribed)]?: (JobAccepted & JobSubscribed)[Member] | undefined;
};

/** Codes that stand for a final status where a runtime gives only the one. */
const codeOfStatus: Readonly<Record<string, string>> = { timed_out: "TIMEOUT", cancelled: "CANCELLED" };

/** All that is known of one job; the handles that users hold are views of it. Fed by the session, in order. */
export class JobState {
  id: string;
  origin: Origin = { resubmit: false, observed: false };
  agent = "";
  lease: WireLease = {};
  expiresAt: string | undefined;
  traceId: string | undefined;
  parentId: string | undefined;
  delegateId: string | undefined;
  status = "pending";
  readonly books: JobBooks = new JobBooks();
  credentials: JobCredentials = new JobCredentials();
  readonly children: JobState[] = [];
  readonly log: EventLog;
  body: ResultBody;
  readonly outcome: Deferred<JobOutcome> = createDeferred();
  settled: JobOutcome | undefined;
  /** True once the job is over for this client, by its end or by its loss. */
  over = false;
  /** True when an acceptance brought a job that was submitted before, under the same key. */
  joined = false;
  /** True once events were lost on the way: more may have been spent than is known. */
  eventsMissing = false;
  /** True while events may be missing: the job was lost, and no runtime has said where a replay of it begins. */
  inDoubt = false;
  /** How the runtime says that it ended, where it has said so and its end has not come. */
  endedAs: string | undefined;
  /** How often that end was looked for. */
  endSought = 0;
  /** True once a caller asked to cancel it: it does not run anew. */
  toBeCancelled = false;
  /** Subscriptions to it here that are not ended. */
  viewers = 0;
  /** Frames of this job so far: distinguishes silence from activity. */
  frames = 0;
  /** The session's number of its last frame. */
  lastSeq = 0;
  /** Where a replay of this job can begin, in its owner's numbers; what was delivered since is in `replays`. */
  replayFrom: number | undefined;
  readonly replays: ReplayMemory = new ReplayMemory();
  readonly #surroundings: JobSurroundings;

  constructor(id: string, surroundings: JobSurroundings) {
    this.id = id;
    this.#surroundings = surroundings;
    this.log = new EventLog(surroundings.pressure);
    this.body = new ResultBody(id, surroundings.maxResultBytes, surroundings.pressure);
    // Whoever asks for the outcome gets the rejection; nobody has to ask.
    this.outcome.promise.catch(() => {});
  }

  /** Takes in what an acceptance, a subscription or a listing says of the job. */
  describe(told: JobDescription, traceId?: string): void {
    this.agent = told.agent || this.agent;
    this.lease = told.lease ?? this.lease;
    if (told.lease_constraints !== undefined) this.expiresAt = told.lease_constraints.expires_at;
    this.traceId = told.trace_id || traceId || this.traceId;
    this.parentId = told.parent_job_id || undefined;
    this.delegateId = told.delegate_id || undefined;
    this.status = told.current_status || this.status;
    this.books.describe(told, this.lease);
    if (told.credentials === undefined) return;
    this.#surroundings.used("provisioned_credentials");
    this.credentials = new JobCredentials(told.credentials);
  }

  /** The job runs anew, under another id: what was known of the first run is void, but for what it spent. */
  restart(id: string): void {
    this.body.fail(
      new ArcpError({ code: "INTERNAL_ERROR", message: "The job was lost and runs anew." }, this.#context()),
    );
    this.id = id;
    this.status = "pending";
    this.endedAs = undefined;
    this.books.ranAnew = true;
    this.body = new ResultBody(id, this.#surroundings.maxResultBytes, this.#surroundings.pressure);
    this.replays.forget();
    // It belongs to this session, in whose numbers nothing of it has come yet.
    this.lastSeq = 0;
    this.replayFrom = undefined;
  }

  event(frame: Frame, seq: number, size: number): void {
    if (!this.#counts(seq) || (this.replayFrom !== undefined && this.replays.knows(frame))) return;
    let event = readEvent(frame, this.id, seq);
    switch (event.kind) {
      case "metric":
        this.#observeCost(event.body);
        break;
      case "status":
        event = this.#observeStatus(event, event.body);
        break;
      case "result_chunk":
        this.#surroundings.used("result_chunk");
        this.body.accept(event.body);
        break;
      case "progress":
        this.#surroundings.used("progress");
        break;
      default:
        break;
    }
    if (this.status === "pending") this.status = "running";
    this.log.push(event, size);
    // Its acceptance went to a session that is gone, and what it spends goes nowhere (ARCP §10).
    if (event.kind === "delegate" && this.replayFrom !== undefined && !this.origin.observed) this.miss(unknownHole);
  }

  /** Tells consumers that events are missing, as the session does. */
  gap(hole: Hole): void {
    this.eventsMissing = true;
    this.log.push(gapEvent(this.id, hole), 0);
  }

  /** Events of this job are missing, and the session has not said so. */
  miss(hole: Hole): void {
    this.gap(hole);
    this.#surroundings.missing(hole);
  }

  /** Takes in `job.result`; one runtime writes other ends than success this way, too. */
  result(frame: Frame, seq: number): void {
    if (!this.#counts(seq)) return;
    this.#guarded(() => this.books.close(frame.extensions));
    const told = payloadOf("job.result", frame);
    const { final_status: status = "success", result_id: resultId } = told;
    if (status !== "success") {
      const { code = codeOfStatus[status] ?? "INTERNAL_ERROR", ...failure } = payloadOf("job.error", frame);
      return this.#fail({ message: `The job ended as ${status}.`, ...failure, code }, status);
    }
    const value = told.result === undefined ? told.output : told.result;
    if (this.body.chunked || resultId !== undefined) this.body.finish(told);
    else this.body.supply(() => inlineBytes(value));
    if (this.body.failure !== undefined) return this.lose(this.body.failure);
    const { result_size: resultSize, sha256, summary } = told;
    this.#end({ status: "success", ...(this.body.chunked ? {} : { value }), resultId, resultSize, sha256, summary });
  }

  /** Takes in the `job.error` that ends the job. */
  error(frame: Frame, seq: number): void {
    if (!this.#counts(seq)) return;
    this.#guarded(() => this.books.close(frame.extensions));
    const failure = payloadOf("job.error", frame);
    this.#fail(failure, failure.final_status ?? "error");
  }

  /** The end cannot be had any more: every reader fails with `error`. */
  lose(error: Error): void {
    if (this.over) return;
    this.body.fail(error);
    this.#close(error);
    this.outcome.reject(error);
  }

  /** The watcher leaves: iteration ends, and whoever waits for the outcome gets `error`. */
  leave(error: Error): void {
    this.log.close();
    this.lose(error);
  }

  /** Ends a handle whose job's outcome is known from before. */
  adopt(outcome: JobOutcome): void {
    if (this.over) return;
    if (outcome.status !== "success") this.body.fail(outcome.error);
    else if (outcome.resultId === undefined) this.body.supply(() => inlineBytes(outcome.value));
    else this.body.fail(new ResultUnavailableError("The chunks of this result were not seen by this handle.", this.id));
    this.#end(outcome);
  }

  /** Begins a period of watching for consumers that do not move. */
  mark(): void {
    this.log.mark();
    this.body.mark();
  }

  /** Cuts off the consumers that hold something up and have not moved since `mark`. */
  failStalled(): void {
    this.log.failStalled();
    this.body.failStalled();
  }

  #counts(seq: number): boolean {
    if (this.over) return false;
    this.frames++;
    if (seq > 0) this.lastSeq = seq;
    return true;
  }

  #observeCost(metric: MetricBody): void {
    this.#guarded(() => this.books.observe(metric));
  }

  #observeStatus(event: ArcpEvent, body: StatusBody): ArcpEvent {
    if (body.phase !== "credential_rotated") return event;
    const { id, value } = rotationOf(body);
    if (id !== undefined && value !== undefined) this.#guarded(() => this.credentials.rotate(id, value));
    return withoutSecret(event, id);
  }

  #guarded(callback: () => unknown): void {
    try {
      callback();
    } catch (error) {
      this.#surroundings.failed(error);
    }
  }

  #fail(failure: Partial<WireFailure>, finalStatus: string): void {
    const status = finalStatus === "cancelled" || finalStatus === "timed_out" ? finalStatus : "error";
    const error = new ArcpError(failure, { ...this.#context(), finalStatus });
    // What it did last went with its process: it may have spent more than was ever said.
    if (error.errorCode === "RUNTIME_RESTARTED") this.miss(unknownHole);
    this.body.fail(error);
    this.#end({ status, error });
  }

  #context(): { readonly phase: string; readonly jobId: string; readonly traceId: string | undefined } {
    return { phase: "job", jobId: this.id, traceId: this.traceId };
  }

  #end(outcome: JobOutcome): void {
    // The end came before any word on where the replay began.
    if (this.inDoubt) this.miss(unknownHole);
    this.settled = outcome;
    this.status = outcome.status;
    this.#close();
    this.outcome.resolve(outcome);
  }

  #close(error?: Error): void {
    this.over = true;
    this.credentials.clear();
    this.log.close(error);
    this.#surroundings.ended(this);
  }
}

/** What a stream of an inline result holds: a string as it is, anything else as JSON. */
function inlineBytes(value: unknown): Uint8Array {
  return utf8(typeof value === "string" ? value : stringifyJson(value));
}
