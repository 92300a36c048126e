import { type CallOptions, ValidationError, createIdempotencyKey, parseTraceparent } from "@imprest/core";
import { abortedError, onAbort, randomHex } from "@imprest/core/internal";
import type { AgentEntry, JobEntry, JobFilter } from "@imprest/core/models/arcp";
import { SessionEndedError } from "../errors.ts";
import { ArcpJob, ArcpSubscription, type JobActions } from "../job/job.ts";
import type { JobState } from "../job/job-state.ts";
import { type SubmitRequest, writeSubmit } from "../job/submit-request.ts";
import { parseAgentReference } from "../lease/agent-reference.ts";
import type { SessionState } from "./connection-hooks.ts";
import type { SessionEngine } from "./engine.ts";
import type { SessionEvents } from "./events.ts";
import { readListing } from "./listing.ts";
import type { Settings } from "./options.ts";
import type { SessionTicket } from "./ticket.ts";

/** Which jobs to list (ARCP §6.6). */
export interface ListJobsRequest extends CallOptions {
  readonly status?: readonly string[] | undefined;
  readonly agent?: string | undefined;
  /** A `Date`, or ISO 8601. */
  readonly createdAfter?: string | Date | undefined;
  /** How many jobs at most; all by default. */
  readonly limit?: number | undefined;
}

/** One job of a listing. */
export interface ListedJob {
  readonly jobId: string;
  readonly agent: string;
  readonly status: string;
  readonly parentId: string | undefined;
  /** ISO 8601. */
  readonly createdAt: string | undefined;
  readonly traceId: string | undefined;
  /** In the numbers of the session that submitted the job; where a subscription with history may begin. */
  readonly lastEventSeq: number | undefined;
  readonly raw: JobEntry;
}

/** Which part of a job to see. */
export interface SubscribeOptions extends CallOptions {
  /** True: what the runtime still has is replayed first. */
  readonly history?: boolean | undefined;
  /** With `history`: replay begins behind this number of the submitting session (ARCP §7.6). Default 0. */
  readonly fromEventSeq?: number | undefined;
}

/** How long the runtime has to answer a close before the other verb is tried, in milliseconds. */
const closeWaitMs = 1000;

/**
 * One ARCP session. It outlives its connections: after a drop it resumes, and every job handle goes on. Each promise
 * it hands out settles, at the latest when the session ends.
 */
export class ArcpSession implements AsyncDisposable {
  readonly #engine: SessionEngine;
  readonly #settings: Settings;
  readonly #actions: JobActions;
  #closing: Promise<void> | undefined;

  /** @internal Made by `connect`. */
  constructor(engine: SessionEngine, settings: Settings) {
    this.#engine = engine;
    this.#settings = settings;
    this.#actions = {
      clock: settings.clock,
      cancel: (state, reason, options) => this.#cancel(state, reason, options),
      unsubscribe: (state) => engine.subscriptions.unsubscribe(state),
    };
  }

  get id(): string {
    return this.#engine.welcome.sessionId;
  }

  get state(): SessionState {
    return this.#engine.connection.state;
  }

  get runtime(): { readonly name: string; readonly version: string } {
    return this.#engine.welcome.runtime;
  }

  /** What both sides offered; nothing else is used (ARCP §6.2). */
  get features(): ReadonlySet<string> {
    return this.#engine.welcome.features;
  }

  /** The runtime's agents (ARCP §6.2). */
  get agents(): readonly AgentEntry[] {
    return this.#engine.welcome.agents;
  }

  /** `name@version` of what a bare name runs now; `undefined` when the runtime is free to choose. Pin it to be sure. */
  resolveAgent(name: string): string | undefined {
    const entry = this.agents.find((agent) => agent.name === name);
    return entry?.default === undefined ? undefined : `${name}@${entry.default}`;
  }

  /** Characters waiting to be sent, where the transport counts them. */
  get pendingSend(): number {
    return this.#engine.connection.pendingSend;
  }

  /** Hears what happens to the session. @returns the function that takes the listener away. */
  on<Name extends keyof SessionEvents>(
    name: Name,
    listener: (event: SessionEvents[Name]) => unknown,
    options?: { readonly signal?: AbortSignal | undefined },
  ): () => void {
    const off = this.#engine.emitter.on(name, listener);
    onAbort(options?.signal, off);
    return off;
  }

  /** A job of this session that still runs, or ended a short while ago. */
  job(jobId: string): ArcpJob | undefined {
    const state = this.#engine.find(jobId);
    return state && new ArcpJob(state, this.#actions);
  }

  /**
   * Submits a job (ARCP §7.1). Resolves when the runtime has accepted it. An abort before that drops the submit, and
   * cancels the job should it be accepted all the same; an abort afterwards cancels it.
   * @throws ValidationError before anything is sent; ArcpError when the runtime refuses; ConnectionError when the
   * connection broke and the submit has no key; TimeoutError, AbortedError, SessionEndedError.
   */
  async submit(request: SubmitRequest): Promise<ArcpJob> {
    const { idempotencyKey = createIdempotencyKey(), signal, traceparent } = request;
    const { clock, random } = this.#settings;
    const key = idempotencyKey === false ? undefined : idempotencyKey;
    const submit = writeSubmit(request, { key, nowMs: clock.now(), features: this.features });
    if (signal?.aborted) throw abortedError(signal, "A submit");
    this.#warnUnpinned(submit.agent);
    const given = traceparent === undefined ? undefined : parseTraceparent(traceparent);
    const traceId = given?.traceId ?? randomHex(16, random);
    const explicit = request.idempotencyKey !== undefined && request.idempotencyKey !== false;
    const state = await this.#engine.submit(
      submit,
      {
        submit,
        resubmit: key !== undefined && (request.onLost ?? (explicit ? "resubmit" : "fail")) === "resubmit",
        observed: false,
        mayJoin: explicit,
      },
      { traceId, traceparent: given && traceparent, signal, timeoutMs: request.timeoutMs },
    );
    const job = new ArcpJob(state, this.#actions);
    const stopListening = onAbort(signal, () => void job.cancel("aborted by the submitter").catch(() => {}));
    state.outcome.promise.then(stopListening, stopListening);
    return job;
  }

  /**
   * The jobs this principal may see (ARCP §6.6), page by page as they are asked for. `timeoutMs` is for all pages together.
   * @throws ValidationError when the runtime does not list jobs; ArcpError, TimeoutError, AbortedError;
   * ResponseFormatError for a listing of empty pages without an end.
   */
  async *listJobs(request: ListJobsRequest = {}): AsyncGenerator<ListedJob, void, undefined> {
    this.#require("list_jobs");
    const { status, agent, createdAfter, limit = Infinity, signal, timeoutMs } = request;
    const after = createdAfter instanceof Date ? createdAfter.toISOString() : createdAfter;
    const filter: JobFilter = {
      ...(status && { status }),
      ...(agent !== undefined && { agent }),
      ...(after !== undefined && { created_after: after }),
    };
    const { requests } = this.#engine;
    const listing = {
      ...(Object.keys(filter).length > 0 && { filter }),
      limit,
      pageSize: 100,
      signal,
      timeoutMs,
    };
    const entries = readListing((...page) => requests.list(...page), listing, this.#settings.clock);
    for await (const entry of entries) yield readEntry(entry);
  }

  /**
   * Watches a job, of this session or another (ARCP §7.6). A job of this session that still runs is watched through
   * its own events: from the oldest still held with `history`, from now on without.
   * @throws ValidationError when the runtime has no subscriptions; ArcpError when it refuses; TimeoutError, AbortedError.
   */
  async subscribe(jobId: string, options: SubscribeOptions = {}): Promise<ArcpSubscription> {
    this.#require("subscribe");
    const { state, replayed } = await this.#engine.subscriptions.subscribe(jobId, options);
    return new ArcpSubscription(state, this.#actions, replayed);
  }

  /**
   * A handle of a job that this session submitted, in this process or before it was resumed from a ticket: with its events
   * from now on, its end, and `cancel`. A job that has ended brings its events and its end once more.
   * @throws ArcpError JOB_NOT_FOUND and other refusals; ResultUnavailableError; ValidationError when the runtime can
   * neither be subscribed to nor list its jobs; TimeoutError, AbortedError.
   */
  async attach(jobId: string, options?: CallOptions): Promise<ArcpJob> {
    if (!this.features.has("list_jobs")) this.#require("subscribe");
    return new ArcpJob(await this.#engine.attach(jobId, options), this.#actions);
  }

  /** What it takes to go on with this session elsewhere; a secret. */
  get ticket(): SessionTicket | undefined {
    return this.#engine.ticket;
  }

  /** Leaves the session without closing it: it can be resumed with the ticket, within the runtime's window. */
  detach(): SessionTicket | undefined {
    const { ticket } = this;
    this.#engine.acknowledge();
    this.#engine.connection.detach();
    return ticket;
  }

  /**
   * Ends the session (ARCP §6.7). Jobs go on at the runtime; what waits for them here fails with SessionEndedError.
   * Never rejects, and takes two seconds at most.
   */
  close(reason = "the client has finished"): Promise<void> {
    // One goodbye, however often it is asked for: nothing may follow it.
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: string): Promise<void> {
    const { connection } = this.#engine;
    if (connection.state === "closed" || connection.state === "failed") return;
    this.#engine.acknowledge();
    await this.#engine.farewell(reason, closeWaitMs);
    connection.finish(new SessionEndedError("The session was closed."));
  }

  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #cancel(state: JobState, reason: string | undefined, options: CallOptions | undefined): Promise<void> {
    if (state.over) return Promise.resolve();
    state.toBeCancelled = true;
    return this.#engine.requests.cancel(state.id, reason || "cancelled by the client", options);
  }

  #require(feature: string): void {
    if (this.features.has(feature)) return;
    throw new ValidationError("session", [
      { pointer: "", message: `needs the feature ${feature}, which was not negotiated with this runtime` },
    ]);
  }

  #warnUnpinned(agent: string): void {
    const reference = parseAgentReference(agent);
    const entry = this.agents.find(({ name }) => name === reference?.name);
    if (reference?.version !== undefined || entry === undefined) return;
    if (entry.versions.length === 0 || entry.default !== undefined) return;
    this.#engine.warn("UNPINNED_AGENT", `${agent} has versions but no default; the runtime may run any of them.`);
  }
}

function readEntry(entry: JobEntry): ListedJob {
  return {
    jobId: entry.job_id,
    agent: entry.agent,
    status: entry.status,
    parentId: entry.parent_job_id,
    createdAt: entry.created_at ?? entry.submitted_at,
    traceId: entry.trace_id,
    lastEventSeq: entry.last_event_seq,
    raw: entry,
  };
}
