import type { CallOptions } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { SessionEndedError } from "../errors.ts";
import { payloadOf } from "../frame/read.ts";
import { holeBefore, replayStart } from "../frame/replay.ts";
import type { JobState } from "../job/job-state.ts";
import type { RecoveryRooms } from "./job-search.ts";

/** Watches jobs that other sessions submitted (ARCP §7.6). */
export class Subscriptions {
  readonly #rooms: RecoveryRooms;

  constructor(rooms: RecoveryRooms) {
    this.#rooms = rooms;
  }

  /** Watches a job; one that this session runs itself is watched through its own events. */
  async subscribe(
    jobId: string,
    options: CallOptions & { readonly history?: boolean | undefined; readonly fromEventSeq?: number | undefined },
  ): Promise<{ readonly state: JobState; readonly replayed: boolean }> {
    const { router, connection, requests } = this.#rooms;
    const own = router.jobs.get(jobId);
    if (own !== undefined) {
      own.viewers++;
      return { state: own, replayed: false };
    }
    const { history = false, fromEventSeq = 0 } = options;
    const admitted = createDeferred<JobState>();
    const payload = history ? { history, from_event_seq: fromEventSeq } : {};
    const answer = await requests.subscribe(jobId, payload, options, (frame) => {
      const told = payloadOf("job.subscribed", frame);
      const begin = (job: JobState): void => {
        job.origin = { resubmit: false, observed: true };
        const start = history ? replayStart(told, fromEventSeq, connection.sequence.last) : undefined;
        const hole = start === undefined ? undefined : holeBefore(start, fromEventSeq);
        job.replayFrom = history ? (hole?.to ?? fromEventSeq) : told.subscribed_from;
        job.describe(told, frame.trace_id);
        job.viewers++;
        if (hole !== undefined) job.miss(hole);
      };
      admitted.resolve(router.admit(jobId, begin));
    });
    const { replayed } = payloadOf("job.subscribed", answer);
    // One runtime says how many events it replays.
    return {
      state: await admitted.promise,
      replayed: replayed === true || (typeof replayed === "number" && replayed > 0),
    };
  }

  unsubscribe(state: JobState): void {
    const { router, connection } = this.#rooms;
    if (--state.viewers > 0 || state.over || !state.origin.observed) return;
    connection.send("job.unsubscribe", { job_id: state.id }, { jobId: state.id });
    state.leave(new SessionEndedError(`The subscription to job ${state.id} was ended.`));
    router.ignore(state.id);
  }
}
