import type { CallOptions } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import type { JobEntry } from "@imprest/core/models/arcp";
import { ArcpError, ResultUnavailableError } from "../errors.ts";
import type { JobState } from "../job/job-state.ts";
import { terminal } from "../job/terminal.ts";
import { payloadOf } from "../frame/read.ts";
import type { RecoveryRooms } from "./job-search.ts";
import type { Recovery } from "./recovery.ts";

/** Makes handles of jobs that this session submitted when another process held it, or that were let go of. */
export class Adoption {
  readonly #rooms: RecoveryRooms;
  readonly #recovery: Recovery;

  constructor(rooms: RecoveryRooms, recovery: Recovery) {
    this.#rooms = rooms;
    this.#recovery = recovery;
  }

  /**
   * The session goes on from a ticket: the jobs that it names are this session's, whether anything comes of them or not.
   * Without names every job is taken that the runtime lists as running.
   */
  async afterResume(named: readonly string[] | undefined): Promise<void> {
    const { connection, requests } = this.#rooms;
    for (const jobId of named ?? []) this.#admit(jobId);
    if (named?.length === 0 || connection.welcome?.features.has("list_jobs") !== true) return;
    try {
      const listed = await requests.listAll();
      for (const entry of listed) {
        if (named === undefined ? !terminal(entry.status) : named.includes(entry.job_id))
          describe(this.#admit(entry.job_id), entry);
      }
      this.#recovery.search.watch(this.#recovery.missing(listed));
    } catch {
      // Nobody asked: `attach` says what is wrong, and the probe of silent jobs lists again.
    }
  }

  /** @throws as `ArcpSession.attach`. */
  async attach(jobId: string, options: CallOptions | undefined): Promise<JobState> {
    const { router, connection } = this.#rooms;
    const known = router.find(jobId);
    if (known !== undefined) return known;
    return connection.welcome?.features.has("subscribe") === true
      ? this.#subscribe(jobId, options)
      : this.#pickFromList(jobId, options);
  }

  async #subscribe(jobId: string, options: CallOptions | undefined): Promise<JobState> {
    const { router, requests } = this.#rooms;
    const admitted = createDeferred<JobState>();
    await requests.subscribe(jobId, {}, options, (frame) => {
      const told = payloadOf("job.subscribed", frame);
      const { current_status: status = "" } = told;
      const job = this.#admit(jobId, (state) => {
        state.describe(told, frame.trace_id);
        // Of a session that was not resumed it may be another's job, in whose numbers a replay would begin here.
        if (!router.adopts) state.replayFrom = told.subscribed_from;
        if (terminal(status)) state.endedAs = status;
      });
      admitted.resolve(job);
    });
    const job = await admitted.promise;
    if (job.endedAs !== undefined) await this.#recovery.search.seekEnd(job, 0, options);
    return job;
  }

  async #pickFromList(jobId: string, options: CallOptions | undefined): Promise<JobState> {
    const listed = await this.#rooms.requests.listAll(options);
    const entry = listed.find(({ job_id }) => job_id === jobId);
    if (entry === undefined) {
      throw new ArcpError(
        { code: "JOB_NOT_FOUND", message: "The runtime does not list the job." },
        { phase: "list", jobId },
      );
    }
    if (terminal(entry.status)) {
      throw new ResultUnavailableError(
        `Job ${jobId} has ended (${entry.status}), and this runtime replays no end.`,
        jobId,
      );
    }
    const job = this.#admit(jobId);
    describe(job, entry);
    return job;
  }

  /** A job of this session, in whose numbers what comes next is behind what has come. */
  #admit(jobId: string, begin: (job: JobState) => void = () => {}): JobState {
    const { router, connection } = this.#rooms;
    return router.admit(jobId, (job) => {
      job.lastSeq = Math.max(job.lastSeq, connection.sequence.last);
      begin(job);
    });
  }
}

function describe(job: JobState, entry: JobEntry): void {
  const { status: current_status, ...rest } = entry;
  job.describe({ ...rest, current_status });
}
