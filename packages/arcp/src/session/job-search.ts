import type { CallOptions, Timer } from "@imprest/core";
import { JobLostError, ResultUnavailableError } from "../errors.ts";
import type { JobState } from "../job/job-state.ts";
import { terminal } from "../job/terminal.ts";
import type { Connection } from "./connection.ts";
import { type Frame, jobIdOf } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import type { Ledger } from "./ledger.ts";
import type { Settings } from "./options.ts";
import { holeBefore, replayStart, unknownHole } from "../frame/replay.ts";
import type { Requests } from "./requests.ts";
import type { Router } from "./router.ts";

/** The rooms of a session that recovery works with. */
export interface RecoveryRooms {
  readonly connection: Connection;
  readonly router: Router;
  readonly ledger: Ledger;
  readonly requests: Requests;
}

/** A replay that brings frames, but not the end of a job that has ended, is given up after so many silences' time. */
const longestReplay = 24;
/** How often the end of a job is looked for by subscription: a runtime that has it brings it the first time. */
const mostSearches = 3;

/**
 * Looks for a job that a runtime may have lost: by subscription, then by submitting it again under its key where that was
 * allowed. Each search ends, with the job's frames coming again or with an error for whoever waits.
 */
export class JobSearch {
  readonly #rooms: RecoveryRooms;
  readonly #settings: Settings;
  readonly #timers = new Set<Timer>();
  /** Counts the connections: what was begun on another is not gone on with. */
  #run = 0;
  /** Withdraws what is asked on this connection: the next one asks anew, and a replay must not come twice. */
  #stopped = new AbortController();

  constructor(rooms: RecoveryRooms, settings: Settings) {
    this.#rooms = rooms;
    this.#settings = settings;
  }

  /** Every search that is under way ends here; the next connection begins its own. */
  stop(): void {
    this.#run++;
    this.#stopped.abort();
    this.#stopped = new AbortController();
    for (const timer of this.#timers) timer.clear();
    this.#timers.clear();
  }

  /** Looks for those jobs that stay silent. */
  watch(jobs: readonly JobState[]): void {
    for (const job of jobs) this.#whenSilent(job, () => void this.find(job));
  }

  async find(job: JobState): Promise<void> {
    const run = this.#run;
    const stale = (): boolean => run !== this.#run || job.over;
    job.inDoubt = true;
    let cause: unknown;
    try {
      if (await this.#resubscribe(job, stale)) return;
    } catch (error) {
      cause = error;
    }
    if (!stale()) await this.#resubmit(job, stale, cause);
  }

  /** Of a job that the runtime said has ended: asks for its end. */
  async seekEnd(job: JobState, from: number, options: CallOptions | undefined): Promise<void> {
    await this.#rooms.requests.subscribe(job.id, { history: true, from_event_seq: from }, options);
    this.#awaitEnd(job);
  }

  async #resubmit(job: JobState, stale: () => boolean, cause: unknown): Promise<void> {
    const { submit, resubmit } = job.origin;
    if (submit === undefined || !resubmit || job.toBeCancelled) return job.lose(lostError(job, cause));
    try {
      // In the turn of the answer: the new run's first events may come right behind it.
      const answered = (accepted: Frame): void => (stale() ? undefined : this.#resubmitted(job, accepted));
      await this.#rooms.requests.submit(submit, job.traceId, { signal: this.#stopped.signal }, answered);
    } catch (error) {
      if (!stale()) job.lose(lostError(job, error));
    }
  }

  /** A new job takes the lost one's place; where the runtime names the same one, it has it and may bring its end. */
  #resubmitted(job: JobState, accepted: Frame): void {
    const jobId = jobIdOf(accepted) ?? job.id;
    // Neither what the job did meanwhile nor what a lost run of it spent can be had any more.
    job.inDoubt = false;
    job.miss(unknownHole);
    if (jobId === job.id) {
      job.replays.end();
      return this.#whenSilent(job, () => this.#lose(job));
    }
    this.#rooms.router.rebind(job, jobId, accepted);
    if (!job.toBeCancelled) return;
    this.#rooms.requests.cancel(jobId, "cancelled before it ran anew", undefined).catch(() => {});
  }

  /** @returns true when the runtime still has the job and brings what was missed. */
  async #resubscribe(job: JobState, stale: () => boolean): Promise<boolean> {
    const { observed } = job.origin;
    if (this.#rooms.connection.welcome?.features.has("subscribe") !== true) return false;
    if (job.endedAs !== undefined && job.endSought >= mostSearches) return false;
    const from = job.replayFrom ?? (observed ? 0 : job.lastSeq);
    if (job.replayFrom !== undefined) job.replays.begin();
    const answered = (frame: Frame): void => this.#replaying(job, from, frame);
    const request = { history: true, from_event_seq: from };
    const answer = await this.#rooms.requests.subscribe(job.id, request, { signal: this.#stopped.signal }, answered);
    if (stale()) return true;
    const { current_status: status = "" } = payloadOf("job.subscribed", answer);
    job.endedAs = terminal(status) ? status : undefined;
    if (job.endedAs !== undefined) this.#awaitEnd(job);
    return true;
  }

  /**
   * One runtime sends a replay first, others after their answer; an ended job's end must be in it either way. One never
   * brings it: then a submit under the key may, and otherwise nobody can.
   */
  #awaitEnd(job: JobState): void {
    const run = this.#run;
    job.endSought++;
    this.#whenSilent(job, () => void this.#resubmit(job, () => run !== this.#run || job.over, undefined));
  }

  #lose(job: JobState): void {
    job.inDoubt = true;
    job.lose(lostError(job, undefined));
  }

  /** Compares where a replay begins with what was asked for. What is not proven to be whole is not taken for it. */
  #replaying(job: JobState, asked: number, answer: Frame): void {
    if (job.over) return;
    const start = replayStart(payloadOf("job.subscribed", answer), asked, this.#rooms.connection.sequence.last);
    const hole = start === undefined ? unknownHole : holeBefore(start, asked);
    job.inDoubt = false;
    if (hole === undefined) return;
    job.miss(hole);
    // What lies before cannot come again: it is not asked for, and not reported, once more.
    if (job.replayFrom !== undefined && start !== undefined) job.replayFrom = start;
  }

  /**
   * Calls `then` once no frame of the job has come for a while. One that sends frames lives, unless the runtime said that
   * it has ended: then it is waited for till the frames end.
   */
  #whenSilent(job: JobState, then: () => void, rounds = longestReplay): void {
    const { frames } = job;
    const timer = this.#settings.clock.setTimer(() => {
      this.#timers.delete(timer);
      if (job.over) return;
      if (job.frames === frames || (job.endedAs !== undefined && rounds === 0)) then();
      else if (job.endedAs !== undefined) this.#whenSilent(job, then, rounds - 1);
    }, this.#settings.lostAfterMs);
    this.#timers.add(timer);
  }
}

function lostError(job: JobState, cause: unknown): Error {
  if (job.endedAs !== undefined) {
    const message = `Job ${job.id} has ended (${job.endedAs}), and the runtime does not bring its end.`;
    return new ResultUnavailableError(message, job.id, { cause });
  }
  if (job.joined && job.frames === 0) {
    const message = "The job ended before, and the runtime does not say how.";
    return new ResultUnavailableError(message, job.id, { cause });
  }
  const message = `The runtime no longer has job ${job.id}, and its end did not come.`;
  return new JobLostError(message, job.id, job.origin.submit?.idempotency_key, { cause });
}
