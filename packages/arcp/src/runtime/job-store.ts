/** One thing that a runtime writes down. */
export interface JobLogEntry {
  /** Whose log it belongs to: the id of a job or of a session. */
  readonly owner: string;
  /** `job` begins the log of a job, `message` and `end` go on with it; of a session the newest entry counts. */
  readonly kind: "job" | "message" | "end" | "session";
  /** The number of a message in the session that submitted the job; 0 for what has none. */
  readonly seq: number;
  /** JSON. Holds results and events; no token, no input, no value of a credential. */
  readonly data: string;
}

/**
 * What outlives a runtime's process: the logs of its jobs, their idempotency keys, and its sessions. One runtime at a time
 * uses a store.
 */
export interface JobStore {
  /** Writes all of the entries or none, behind what was written before; resolves once they outlive the process. */
  append(entries: readonly JobLogEntry[]): Promise<void>;
  /** All that is kept, in the order in which it was written. */
  read(): AsyncIterable<JobLogEntry>;
  /** Drops an owner's log; with `upTo`, its messages to that number. */
  forget(owner: string, upTo?: number): Promise<void>;
}
