import { type ProtocolError, type Timer } from "@imprest/core";
import { createDeferred, type Secret } from "@imprest/core/internal";
import { type TerminalStatus, terminalStatuses, type WireCredential, type WireLease } from "@imprest/core/models/arcp";
import type { BudgetCounters } from "../lease/budget-counters.ts";
import type { OutgoingPayload } from "./dialects/dialect.ts";
import { arcpFailure, toWireFailure } from "./failure.ts";
import { JobHistory, type JobMessage } from "./job-history.ts";
import type { JobListener, ListenedJob } from "./job-listener.ts";
import { type Delivery, type JobOutcome, writeEnd, writeMessage } from "./job-message.ts";
import type { RuntimeSettings } from "./options.ts";

/** A credential as a job holds it; `value` prints as `[redacted]`. */
export interface JobCredential extends Omit<WireCredential, "value"> {
  readonly value: Secret;
}

/** What a job was accepted with. */
export interface JobTerms {
  readonly id: string;
  /** `name@version`. */
  readonly agent: string;
  readonly input: unknown;
  readonly principal: string;
  readonly lease: WireLease;
  /** As it came, for the echo in `job.accepted`. */
  readonly expiresAt?: string | undefined;
  /** The same on the monotonic clock, which nobody can set back (ARCP §14). */
  readonly expiresAtMonotonicMs?: number | undefined;
  readonly budget: BudgetCounters;
  /** The counters at the start, where `cost.budget` is leased. */
  readonly initialBudget?: Readonly<Record<string, number | bigint>> | undefined;
  readonly traceId: string;
  readonly parent?: Job | undefined;
  readonly delegateId?: string | undefined;
  readonly maxRuntimeMs?: number | undefined;
}

/** What writes down what becomes of jobs, where something does. */
export interface JobRecorder {
  /** @param numbered the owner got it, under `seq`. */
  message(job: Job, seq: number, numbered: boolean, message: JobMessage): void;
  end(job: Job, outcome: JobOutcome): void;
}

const delivered = Promise.resolve();

/** One job: what it may do, what it has emitted, who listens, and how it ends. It ends exactly once. */
export class Job implements ListenedJob {
  /** Without the input once the job has ended. */
  terms: JobTerms;
  createdAtMs: number;
  readonly history: JobHistory;
  readonly children: Set<Job> = new Set();
  readonly ended: Promise<JobOutcome>;
  status: string = "pending";
  credentials: readonly JobCredential[] = [];
  /** What it and those it delegated to reported as spent, in 10^-12 by currency, leased or not. */
  readonly costs: Map<string, bigint> = new Map();
  /** The last number that the submitting session gave to a message of this job. */
  lastSeq = 0;
  outcome: JobOutcome | undefined;
  /** Epoch milliseconds; 0 while it has not ended. */
  endedAtMs = 0;
  /** Its acceptance was sent; before that it ends without a frame. */
  isAccepted = false;
  readonly #settings: RuntimeSettings;
  readonly #recorder: JobRecorder | undefined;
  readonly owner: JobListener;
  readonly #submitters = new Set<JobListener>();
  readonly #observers = new Set<JobListener>();
  /** Made when an agent first asks for its signal: most short jobs never do. */
  #controller: AbortController | undefined;
  #stopReason: ProtocolError | undefined;
  readonly #ending = createDeferred<JobOutcome>();
  #stopping: JobOutcome | undefined;
  #grace: Timer | undefined;

  constructor(terms: JobTerms, owner: JobListener, settings: RuntimeSettings, recorder?: JobRecorder) {
    this.#recorder = recorder;
    this.terms = terms;
    this.#settings = settings;
    this.owner = owner;
    this.createdAtMs = settings.clock.now();
    this.history = new JobHistory(settings.maxHistoryEvents, settings.maxHistoryCharacters);
    this.ended = this.#ending.promise;
    terms.parent?.children.add(this);
    this.join(owner);
  }

  get id(): string {
    return this.terms.id;
  }

  get traceId(): string {
    return this.terms.traceId;
  }

  get principal(): string {
    return this.terms.principal;
  }

  get isTerminal(): boolean {
    return this.outcome !== undefined;
  }

  /** Aborts when the job is to stop; its reason is the failure that the job will end with. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    this.#abort();
    return this.#controller.signal;
  }

  /** The sessions that may cancel it. */
  get submitters(): ReadonlySet<JobListener> {
    return this.#submitters;
  }

  /** Counts a cost here and in every job above. */
  addCost(currency: string, units: bigint): void {
    this.costs.set(currency, (this.costs.get(currency) ?? 0n) + units);
    this.terms.parent?.addCost(currency, units);
  }

  /** Sends an event to everyone who listens. The promise is for agents that wait for slow clients. */
  emit(kind: string, body: OutgoingPayload, delivery: Delivery = {}): Promise<void> {
    if (this.isTerminal) return delivered;
    const { redacted } = delivery;
    const ts = this.#now();
    const other = redacted && { kind, ts, body: redacted };
    this.#send(writeMessage(this.#settings, "job.event", { kind, ts, body }, { ...delivery, redacted: other }));
    let waits: Promise<void>[] | undefined;
    for (const session of this.#submitters) {
      const wait = session.ready();
      if (wait !== undefined) (waits ??= []).push(wait);
    }
    return waits === undefined ? delivered : Promise.all(waits).then(() => {});
  }

  /** Sends an event to one session only. */
  tell(session: JobListener, kind: string, body: OutgoingPayload): void {
    if (this.isTerminal) return;
    session.deliver(writeMessage(this.#settings, "job.event", { kind, ts: this.#now(), body }), this);
  }

  /**
   * Makes a session a submitter: it gets what follows, may cancel, and is brought what it cannot do without of what
   * was before: the chunks of a streamed result, and the end.
   */
  join(session: JobListener): void {
    if (this.#submitters.has(session)) return;
    this.#observers.delete(session);
    session.observed.delete(this);
    if (this.outcome === undefined) {
      this.#submitters.add(session);
      session.submitted.add(this);
    }
    for (const { message } of this.history.since(-1)) if (message.isChunk) session.deliver(message, this);
    if (this.outcome !== undefined) session.deliver(this.#endMessage(this.outcome), this);
  }

  /** Adds an observer. A submitter gets everything already. */
  observe(session: JobListener): void {
    if (this.outcome !== undefined || this.#submitters.has(session)) return;
    this.#observers.add(session);
    session.observed.add(this);
  }

  /** Takes an observer away. */
  unobserve(session: JobListener): void {
    this.#observers.delete(session);
    session.observed.delete(this);
  }

  /** The session is no more. */
  leave(session: JobListener): void {
    this.unobserve(session);
    this.#submitters.delete(session);
    session.submitted.delete(this);
  }

  /** Tells the agent to stop, and ends the job when it has, or after `graceMs`. The first reason stands. */
  stop(failure: ProtocolError, status: TerminalStatus, graceMs: number): void {
    if (this.isTerminal) return;
    if (this.#stopping === undefined) {
      this.#stopping = { type: "job.error", status, payload: { final_status: status, ...toWireFailure(failure) } };
      this.#abort(failure);
      for (const child of this.children) child.stop(parentStopped(), "cancelled", graceMs);
    }
    if (graceMs <= 0) this.end(this.#stopping);
    else this.#grace ??= this.#settings.clock.setTimer(() => this.end(this.#stopping ?? cancelledOutcome), graceMs);
  }

  /** Ends the job: with what it was stopped for, if it was, else with `outcome`. */
  end(outcome: JobOutcome): void {
    if (!this.isAccepted) {
      this.vanish();
      return;
    }
    if (!this.#close(this.#stopping ?? outcome)) return;
    this.#recorder?.end(this, this.outcome ?? outcome);
    this.#send(this.#endMessage(this.outcome ?? outcome));
    this.#release();
  }

  /** Takes in a message that it sent in an earlier process. */
  replay(message: JobMessage, seq: number, numbered: boolean): void {
    this.lastSeq = seq;
    this.history.add({ seq, message });
    if (numbered) this.owner.restore(message, seq, this);
  }

  /** It ended in an earlier process. */
  replayEnd(outcome: JobOutcome, endedAtMs: number, costs: ReadonlyMap<string, bigint>): void {
    for (const [currency, units] of costs) {
      this.costs.set(currency, units);
      this.terms.budget.spend(currency, units);
    }
    this.outcome = outcome;
    this.status = outcome.status;
    this.endedAtMs = endedAtMs;
    this.#release();
  }

  /** Ends the job without a frame: what one reference runtime does when the connection drops. */
  vanish(): void {
    if (this.#close(cancelledOutcome)) this.#release();
  }

  #endMessage(outcome: JobOutcome): JobMessage {
    return writeEnd(this.#settings, outcome, { spent: this.costs, endedAtMs: this.endedAtMs });
  }

  #now(): string {
    return new Date(this.#settings.clock.now()).toISOString();
  }

  #close(outcome: JobOutcome): boolean {
    if (this.isTerminal) return false;
    this.#grace?.clear();
    // What a parent granted ends with it (ARCP §9.8.2), and its children's ends come before its own.
    for (const child of this.children) child.stop(parentStopped(), "cancelled", 0);
    this.outcome = outcome;
    this.endedAtMs = this.#settings.clock.now();
    this.status = outcome.status;
    this.#abort(jobEnded);
    return true;
  }

  /** The first reason stands. */
  #abort(reason?: ProtocolError): void {
    this.#stopReason ??= reason;
    if (this.#stopReason !== undefined && this.#controller?.signal.aborted === false) {
      this.#controller.abort(this.#stopReason);
    }
  }

  #release(): void {
    for (const session of [...this.#submitters, ...this.#observers]) this.leave(session);
    this.credentials = [];
    this.terms = { ...this.terms, input: undefined };
    this.terms.parent?.children.delete(this);
    this.#ending.resolve(this.outcome ?? cancelledOutcome);
  }

  #send(message: JobMessage): void {
    let seq: number | undefined;
    for (const session of this.#submitters) {
      const given = session.deliver(message, this);
      if (session === this.owner) seq = given;
    }
    for (const session of this.#observers) session.deliver(message, this);
    // Without its session a job goes on counting by itself, so that observers can still ask from where they were.
    this.lastSeq = seq ?? this.lastSeq + (this.owner.ended ? 1 : 0);
    this.history.add({ seq: this.lastSeq, message });
    this.#recorder?.message(this, this.lastSeq, seq !== undefined, message);
  }
}

/** One for all jobs: each ends, and an error with a stack of its own costs more than the rest of an end. */
const jobEnded: ProtocolError = arcpFailure("CANCELLED", "The job has ended.");

/** Whether a status is one that a job does not leave. */
export function isTerminalStatus(status: string): status is TerminalStatus {
  return (terminalStatuses as readonly string[]).includes(status);
}

const cancelledOutcome: JobOutcome = {
  type: "job.error",
  status: "cancelled",
  payload: { final_status: "cancelled", code: "CANCELLED", message: "The job was dropped.", retryable: false },
};

function parentStopped(): ProtocolError {
  return arcpFailure("CANCELLED", "The delegating job has ended.");
}
