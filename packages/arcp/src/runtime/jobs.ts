import type { Timer } from "@imprest/core";
import { isTerminalStatus, type Job } from "./job.ts";
import type { Journal } from "./journal.ts";
import type { RuntimeSettings } from "./options.ts";

/** A key that was used (ARCP §7.2): for which parameters, and which job came of it. */
interface KeyedSubmit {
  readonly digest: Promise<string>;
  readonly job: Promise<Job>;
}

/** What a key led to. */
export interface KeyedJob {
  readonly job: Promise<Job>;
  readonly isNew: boolean;
  /** Whether the key was used with other parameters. */
  readonly isConflict: Promise<boolean>;
}

/** Every job there is, the finished ones for a while, and the keys that led to them. */
export class Jobs {
  readonly #settings: RuntimeSettings;
  readonly #journal: Journal | undefined;
  readonly #jobs = new Map<string, Job>();
  readonly #keys = new Map<string, KeyedSubmit>();
  readonly #finished = new Map<Job, { readonly timer: Timer; readonly key: string | undefined }>();

  #finishedCharacters = 0;
  #closed = false;

  constructor(settings: RuntimeSettings, journal: Journal | undefined) {
    this.#settings = settings;
    this.#journal = journal;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** In the order in which they were created. */
  all(): Iterable<Job> {
    return this.#jobs.values();
  }

  /** Keeps the job until it has ended and its time is over. */
  add(job: Job, key?: string): void {
    this.#jobs.set(job.id, job);
    void job.ended.then(() => this.#retire(job, key));
  }

  /** Keeps a job of an earlier process, and its key. */
  restore(job: Job, key: string, digest: string): void {
    this.#keys.set(key, { digest: Promise.resolve(digest), job: Promise.resolve(job) });
    this.add(job, key);
  }

  /**
   * The job of a key. @returns `undefined` when the key is new: then `create` is called, in the same turn, and its job
   * belongs to the key unless it fails; `isConflict` when the key was used with other parameters.
   */
  keyed(key: string, digest: Promise<string>, create: () => Promise<Job>): KeyedJob {
    const used = this.#keys.get(key);
    if (used !== undefined) return { job: used.job, isNew: false, isConflict: differ(used.digest, digest) };
    const job = create();
    // A digest that fails rejects the submit that repeats the key.
    digest.catch(() => {});
    this.#keys.set(key, { digest, job });
    job.catch(() => this.#keys.delete(key));
    return { job, isNew: true, isConflict: Promise.resolve(false) };
  }

  /** Stops every job; what has ended is kept no longer. */
  stopAll(stop: (job: Job) => void): void {
    this.#closed = true;
    for (const job of this.#jobs.values()) {
      if (!isTerminalStatus(job.status)) stop(job);
    }
    for (const job of this.#finished.keys()) this.#forget(job);
  }

  #retire(job: Job, key: string | undefined): void {
    if (this.#closed) return;
    const { clock, dialect, jobRetentionMs, maxFinishedJobs, maxFinishedCharacters } = this.#settings;
    const timer = clock.setTimer(() => this.#forget(job), jobRetentionMs);
    this.#finished.set(job, { timer, key });
    if (!dialect.keepsFinishedJobs) this.#jobs.delete(job.id);
    if (this.#finished.size > maxFinishedJobs) this.#forgetOldest();
    this.#finishedCharacters += job.history.characters;
    this.#shortenHistories(maxFinishedCharacters);
  }

  #forgetOldest(): void {
    for (const oldest of this.#finished.keys()) {
      this.#forget(oldest);
      return;
    }
  }

  /** The oldest finished jobs lose their events, not their end: their keys must go on answering. */
  #shortenHistories(most: number): void {
    if (this.#finishedCharacters <= most) return;
    for (const { history } of this.#finished.keys()) {
      this.#finishedCharacters -= history.characters;
      history.clear();
      if (this.#finishedCharacters <= most) return;
    }
  }

  #forget(job: Job): void {
    const kept = this.#finished.get(job);
    kept?.timer.clear();
    if (kept !== undefined) this.#finishedCharacters -= job.history.characters;
    this.#finished.delete(job);
    this.#jobs.delete(job.id);
    if (kept?.key !== undefined) this.#keys.delete(kept.key);
    this.#journal?.forget(job.id);
  }
}

async function differ(left: Promise<string>, right: Promise<string>): Promise<boolean> {
  return (await left) !== (await right);
}
