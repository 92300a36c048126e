/** Whose habits the runtime shows: the specification's, or those of one of the reference runtimes. */
export type DialectName = "spec" | "ts" | "py" | "go";

/** A payload on its way out. */
export type OutgoingPayload = Readonly<Record<string, unknown>>;

/**
 * Where the reference runtimes depart from the specification, so that what a client must tolerate can be tested
 * against this one. Everything here is a fact about another implementation, not a feature.
 */
export interface Dialect {
  /** Takes `session.resume` as well as the `resume` member of `session.hello`; otherwise the frame is dropped. */
  readonly takesSessionResume: boolean;
  readonly takesClose: boolean;
  readonly takesBye: boolean;
  /** A closed session cannot be resumed. */
  readonly closeForgetsSession: boolean;
  /** A client that has seen everything may resume. */
  readonly resumesCaughtUp: boolean;
  /** Only the principal that opened a session may resume it. */
  readonly checksResumePrincipal: boolean;
  /** A failed resume uses the session up. */
  readonly failedResumeForgetsSession: boolean;
  /** What a refused resume is called. */
  readonly resumeRefusal: "RESUME_WINDOW_EXPIRED" | "INTERNAL_ERROR";
  /** A refused handshake closes the connection. */
  readonly closesAfterRefusal: boolean;
  /** Jobs live on when the connection drops. */
  readonly jobsSurviveDrop: boolean;
  /** `session.ack` frees what was acknowledged; otherwise everything counts against the limits for ever. */
  readonly ackFrees: boolean;
  /** Finished jobs are listed and can be subscribed to. */
  readonly keepsFinishedJobs: boolean;
  /** A repeated submit of a finished job brings its end again. */
  readonly replaysTerminal: boolean;
  /** History comes after `job.subscribed`, not before it. */
  readonly subscribedFirst: boolean;
  /** The new value of a rotated credential is kept from other principals. */
  readonly redactsRotation: boolean;
  /** `subscribed_from` counts in the submitter's numbers, as `from_event_seq` does; otherwise in the subscriber's. */
  readonly subscribedFromSubmitter: boolean;
  /** To a principal that may not see a job there is no such job; otherwise it is merely denied. */
  readonly hidesForeignJobs: boolean;
  /** Rotations are part of a resume's replay; otherwise it has holes there. */
  readonly replaysRotation: boolean;
  /** Requests that use a feature outside the negotiated set are refused. */
  readonly gatesLeaseFeatures: boolean;
  /** An agent that reports progress to a client without that feature fails; otherwise it is not sent. */
  readonly progressNeedsFeature: boolean;
  /** The end of a job says when it came. */
  readonly statesCompletion: boolean;
  /** The end of a job says in an extension what the job spent. */
  readonly statesCosts: boolean;
  /** `cost.budget.remaining` comes after the metric it follows from. */
  readonly remainingAfterCost: boolean;
  /** The `agent` of a list filter names any version of an agent. */
  readonly bareAgentFilter: boolean;
  /** A cancel by someone else is refused; otherwise nothing is answered. */
  readonly answersForeignCancel: boolean;
  /** Frame ids other than ULIDs and UUIDv7s are refused. */
  readonly checksFrameIds: boolean;
  /** `welcome` names the negotiated features; otherwise all that the runtime has. */
  readonly welcomesIntersection: boolean;
  /** The message that refuses a request. */
  refusalType(request: string, code: string): "session.error" | "job.error";
  /** The last word on a payload; `type` may change as well. */
  shape?(type: string, payload: OutgoingPayload, nowMs: number): readonly [string, OutgoingPayload];
}
