import { TimeoutError, type Timer } from "@imprest/core";
import type { JobEntry } from "@imprest/core/models/arcp";
import { JobLostError, ResultUnavailableError } from "../errors.ts";
import type { JobState } from "../job/job-state.ts";
import { terminal } from "../job/terminal.ts";
import type { Connection } from "./connection.ts";
import { type Frame, jobIdOf, textOf } from "./frame.ts";
import type { Ledger } from "./ledger.ts";
import type { Settings } from "./options.ts";
import { holeBefore, replayStart, unknownHole } from "./replay.ts";
import type { Requests } from "./requests.ts";
import type { Router } from "./router.ts";

/** The rooms of a session that recovery works with. */
export interface RecoveryRooms {
  readonly connection: Connection;
  readonly router: Router;
  readonly ledger: Ledger;
  readonly requests: Requests;
}

/**
 * Brings jobs through a lost connection, and finds those that a runtime has lost. After a resume the runtime is asked
 * which jobs it has; one that it does not list and that stays silent is looked for by subscription, then submitted
 * again under its key where that was allowed, and otherwise lost with an error. The same is asked when jobs are silent
 * for long, so that not even a swallowed frame makes a caller wait for ever.
 */
export class Recovery {
  readonly #rooms: RecoveryRooms;
  readonly #settings: Settings;
  readonly #timers = new Set<Timer>();
  #probe: Timer | undefined;
  #run = 0;
  #seqAtProbe = -1;
  #repairedAt = -1;

  constructor(rooms: RecoveryRooms, settings: Settings) {
    this.#rooms = rooms;
    this.#settings = settings;
  }

  /** The first connection stands. */
  start(): void {
    this.#rooms.ledger.open();
    this.#armProbe();
  }

  /** The same session is connected again; what was missed is being replayed. */
  async resumed(): Promise<void> {
    const run = ++this.#run;
    this.#armProbe();
    try {
      // The answer comes behind the replay, so that no refusal in it can meet a request that is sent again.
      const listed = await this.#barrier();
      if (run !== this.#run) return;
      this.#rooms.connection.skipHole();
      this.#rooms.ledger.open();
      if (listed !== undefined) this.#watch(this.#missing(listed), run);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof TimeoutError) this.#rooms.connection.restart(error);
      else this.#rooms.ledger.open();
    }
  }

  /** Connected, but to a new session: the jobs of the old one are looked for. */
  renewed(): void {
    const run = ++this.#run;
    this.#armProbe();
    this.#rooms.ledger.open();
    for (const job of this.#jobs()) {
      if (!job.origin.observed && job.replayFrom === undefined) {
        job.replayFrom = job.lastSeq;
        job.sinceReplay = 0;
      }
      void this.#recover(job, run);
    }
  }

  /** The job was accepted, but it may be an earlier one that has ended: then nothing may ever come. */
  joined(job: JobState): void {
    job.joined = true;
    this.#watch([job], this.#run);
  }

  down(): void {
    this.#run++;
    this.#stopTimers();
  }

  stop(): void {
    this.down();
    this.#probe?.clear();
  }

  #jobs(): JobState[] {
    return [...this.#rooms.router.jobs.values()];
  }

  #negotiated(feature: string): boolean {
    return this.#rooms.connection.welcome?.features.has(feature) === true;
  }

  async #barrier(): Promise<readonly JobEntry[] | undefined> {
    if (this.#negotiated("list_jobs")) return this.#rooms.requests.listAll();
    await this.#rooms.requests.ping();
    return undefined;
  }

  /** Own jobs that the runtime does not have, or has as ended, though their end has not come. */
  #missing(listed: readonly JobEntry[]): JobState[] {
    const status = new Map(listed.map((entry) => [entry.job_id, entry.status]));
    return this.#jobs().filter((job) => {
      const state = status.get(job.id);
      return state === undefined ? !job.origin.observed : terminal(state);
    });
  }

  /** Recovers those jobs that stay silent. */
  #watch(jobs: readonly JobState[], run: number): void {
    const frames = new Map(jobs.map((job) => [job, job.frames]));
    if (jobs.length === 0) return;
    this.#after(this.#settings.lostAfterMs, () => {
      for (const [job, before] of frames) if (!job.over && job.frames === before) void this.#recover(job, run);
    });
  }

  async #recover(job: JobState, run: number): Promise<void> {
    const { submit, resubmit, observed } = job.origin;
    job.inDoubt = true;
    const stale = (): boolean => run !== this.#run || job.over;
    let cause: unknown;
    try {
      if (await this.#resubscribe(job, observed, stale)) return;
    } catch (error) {
      cause = error;
    }
    if (stale()) return;
    if (submit !== undefined && resubmit && !job.toBeCancelled) {
      try {
        // In the turn of the answer: the new run's first events may come right behind it.
        const answered = (accepted: Frame): void => (stale() ? undefined : this.#resubmitted(job, accepted));
        await this.#rooms.requests.submit(submit, job.traceId, answered);
        return;
      } catch (error) {
        cause = error;
      }
      if (stale()) return;
    }
    job.lose(lostError(job, cause));
  }

  /** A new job takes the lost one's place; where the runtime names the same one, it has it and may bring its end. */
  #resubmitted(job: JobState, accepted: Frame): void {
    const jobId = jobIdOf(accepted) ?? job.id;
    // Neither what the job did meanwhile nor what a lost run of it spent can be had any more.
    job.inDoubt = false;
    job.miss(unknownHole);
    if (jobId === job.id) {
      job.skip = 0;
      return this.#loseIfSilent(job);
    }
    this.#rooms.router.rebind(job, jobId, accepted);
    if (!job.toBeCancelled) return;
    this.#rooms.requests.cancel(jobId, "cancelled before it ran anew", undefined).catch(() => {});
  }

  #loseIfSilent(job: JobState): void {
    const { frames } = job;
    this.#after(this.#settings.lostAfterMs, () => {
      if (job.over || job.frames !== frames) return;
      job.inDoubt = true;
      job.lose(lostError(job, undefined));
    });
  }

  /** @returns true when the runtime still has the job and brings what was missed. */
  async #resubscribe(job: JobState, observed: boolean, stale: () => boolean): Promise<boolean> {
    if (!this.#negotiated("subscribe")) return false;
    const from = job.replayFrom ?? (observed ? 0 : job.lastSeq);
    job.skip = job.replayFrom === undefined && !observed ? 0 : job.sinceReplay;
    const answered = (frame: Frame): void => this.#replaying(job, from, frame);
    const request = { history: true, from_event_seq: from };
    const { payload } = await this.#rooms.requests.subscribe(job.id, request, undefined, answered);
    if (stale()) return true;
    // One runtime sends the replay first, others after its answer; an ended job's end must be in it either way.
    if (terminal(textOf(payload["current_status"]) ?? "")) this.#loseIfSilent(job);
    return true;
  }

  /** Compares where a replay begins with what was asked for. What is not proven to be whole is not taken for it. */
  #replaying(job: JobState, asked: number, answer: Frame): void {
    if (job.over) return;
    const start = replayStart(answer, asked, this.#rooms.connection.sequence.last);
    const hole = start === undefined ? unknownHole : holeBefore(start, asked);
    job.inDoubt = false;
    if (hole === undefined) return;
    job.miss(hole);
    // The frames that were delivered before are counted from there on: what lies before cannot come again.
    if (job.replayFrom !== undefined && start !== undefined) job.replayFrom = start;
  }

  /** Asks now and then whether silent jobs still run. */
  #armProbe(): void {
    this.#probe?.clear();
    this.#probe = this.#settings.clock.setTimer(() => {
      this.#armProbe();
      void this.#look();
    }, this.#settings.probeAfterMs);
  }

  async #look(): Promise<void> {
    const seq = this.#rooms.connection.sequence.last;
    const silent = seq === this.#seqAtProbe;
    this.#seqAtProbe = seq;
    if (!silent || this.#jobs().length === 0 || !this.#negotiated("list_jobs")) return;
    const run = this.#run;
    try {
      const listed = await this.#rooms.requests.listAll();
      if (run !== this.#run || this.#rooms.connection.sequence.last !== seq) return;
      // Only jobs that still run under this session number their events as it does.
      const counted = this.#jobs().filter((job) => job.replayFrom === undefined);
      const own = new Set(counted.map(({ id }) => id));
      const ahead = listed.some(({ job_id, last_event_seq }) => own.has(job_id) && (last_event_seq ?? 0) > seq);
      const missing = this.#missing(listed);
      if (!ahead && missing.length === 0) return;
      if (this.#repairedAt === seq) return this.#watch(missing, run);
      // Something was sent that has not come: a resume brings it.
      this.#repairedAt = seq;
      this.#rooms.connection.restart(
        new TimeoutError("Events were missing after a long silence.", this.#settings.probeAfterMs),
      );
    } catch (error) {
      if (run === this.#run && error instanceof TimeoutError) this.#rooms.connection.restart(error);
    }
  }

  #after(delayMs: number, callback: () => void): void {
    const timer = this.#settings.clock.setTimer(() => {
      this.#timers.delete(timer);
      callback();
    }, delayMs);
    this.#timers.add(timer);
  }

  #stopTimers(): void {
    for (const timer of this.#timers) timer.clear();
    this.#timers.clear();
  }
}

function lostError(job: JobState, cause: unknown): Error {
  if (job.joined && job.frames === 0) {
    const message = "The job ended before, and the runtime does not say how.";
    return new ResultUnavailableError(message, job.id, { cause });
  }
  const message = `The runtime no longer has job ${job.id}, and its end did not come.`;
  return new JobLostError(message, job.id, job.origin.submit?.idempotency_key, { cause });
}
