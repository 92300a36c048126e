import { formatMoney } from "../lease/money.ts";
import { messageOf } from "./failure.ts";
import type { Job, JobRecorder } from "./job.ts";
import type { JobMessage } from "./job-history.ts";
import type { JobOutcome } from "./job-message.ts";
import type { JobLogEntry, JobStore } from "./job-store.ts";
import type { RuntimeSettings } from "./options.ts";
import type { ClientName } from "./readings/reading.ts";
import type { Gate, RuntimeSession } from "./session.ts";
import { sha256Hex } from "./token-digest.ts";

/** A job as its first entry has it. */
export interface JobData {
  readonly agent: string;
  readonly principal: string;
  readonly sessionId: string;
  readonly lease: Job["terms"]["lease"];
  readonly expiresAt?: string | undefined;
  readonly initialBudget?: Readonly<Record<string, string>> | undefined;
  readonly traceId: string;
  readonly parentId?: string | undefined;
  readonly delegateId?: string | undefined;
  readonly createdAtMs: number;
  readonly key?: string | undefined;
  readonly digest?: string | undefined;
}

/** A message of a job. */
export interface MessageData extends Omit<JobMessage, "redactedText" | "unkept"> {
  /** The session that submitted the job got it, under the number that the entry has. */
  readonly numbered: boolean;
}

/** How a job ended. */
export interface EndData {
  readonly outcome: JobOutcome;
  readonly endedAtMs: number;
  /** Plain decimals by currency. */
  readonly costs: Readonly<Record<string, string>>;
}

/** A session as it can be resumed. */
export interface SessionData {
  readonly principal: string;
  readonly features: readonly string[];
  readonly client: ClientName;
  /** Of the newest resume token. */
  readonly tokenDigest: string;
}

/** How many messages a job's log is behind its history before those that the history has dropped are dropped there. */
const trimmedAtOnce = 1_000;

/**
 * Writes down what a restarted runtime needs, in the order in which it happens. What is written within one turn of the event
 * loop is one append, and the next one waits for it, so that a fast agent and a slow disk make long appends.
 */
export class Journal implements JobRecorder, Gate {
  readonly #store: JobStore;
  readonly #settings: RuntimeSettings;
  readonly #trimmed = new WeakMap<Job, number>();
  #batch: JobLogEntry[] = [];
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The store has failed: what came since may be lost with the process. */
  failed = false;
  #closed = false;

  constructor(store: JobStore, settings: RuntimeSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  /** Settles once all that was written to it so far outlives the process, or cannot; never rejects. */
  written(): Promise<void> {
    this.#next ??= this.#writing.then(() => this.#write());
    return this.#next;
  }

  /** A job is about to be accepted. */
  job(job: Job, sessionId: string, keyed: { readonly key?: string; readonly digest?: string } = {}): Promise<void> {
    const { agent, principal, lease, expiresAt, initialBudget, traceId, parent, delegateId } = job.terms;
    const budget = initialBudget && mapValues(initialBudget, String);
    const { createdAtMs } = job;
    const rest = { initialBudget: budget, traceId, parentId: parent?.id, delegateId, createdAtMs, ...keyed };
    const data: JobData = { agent, principal, sessionId, lease, expiresAt, ...rest };
    this.#append(job.id, "job", 0, data);
    return this.written();
  }

  /** A message of a job got its number. A credential's value is not written. */
  message(job: Job, seq: number, numbered: boolean, { redactedText, unkept, ...message }: JobMessage): void {
    const text = redactedText ?? message.text;
    if (unkept !== true) this.#append(job.id, "message", seq, { ...message, text, numbered } satisfies MessageData);
    this.#trim(job);
  }

  end(job: Job, outcome: JobOutcome): void {
    const costs = Object.fromEntries([...job.costs].map(([currency, units]) => [currency, formatMoney(units)]));
    this.#append(job.id, "end", 0, { outcome, endedAtMs: job.endedAtMs, costs } satisfies EndData);
  }

  /** A session is about to be welcomed with a new token, whose digest alone is written. */
  async session({ id, principal, features, reading, resumeToken }: RuntimeSession): Promise<void> {
    const tokenDigest = await sha256Hex(resumeToken);
    const data: SessionData = { principal, features: [...features], client: reading.name, tokenDigest };
    this.#append(id, "session", 0, data);
    await this.written();
  }

  forget(owner: string): void {
    if (this.#closed) return;
    void this.written()
      .then(() => this.#store.forget(owner))
      .catch((error: unknown) => this.#fail(error));
  }

  /** The runtime closes: what it lets go of from here on stays in the store. */
  close(): void {
    this.#closed = true;
  }

  #append(owner: string, kind: JobLogEntry["kind"], seq: number, data: object): void {
    this.#batch.push({ owner, kind, seq, data: JSON.stringify(data) });
    void this.written();
  }

  async #write(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#next = undefined;
    if (batch.length === 0) return;
    const writing = this.#store.append(batch).catch((error: unknown) => this.#fail(error));
    this.#writing = writing;
    await writing;
  }

  #trim(job: Job): void {
    const { cut } = job.history;
    if (cut - (this.#trimmed.get(job) ?? 0) < trimmedAtOnce) return;
    this.#trimmed.set(job, cut);
    void this.#store.forget(job.id, cut).catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.failed = true;
    this.#settings.logger.error("the job store failed; what comes now may be lost with this process", {
      error: messageOf(error),
    });
  }
}

function mapValues<Value>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
