import type { JobSubmit } from "@imprest/core/models/arcp";

/** How a job came to this session, and what may be done when it is lost. */
export interface Origin {
  /** Absent for children, and for jobs of other sessions. */
  readonly submit?: JobSubmit | undefined;
  /** True when a lost job may be submitted again under its key. */
  readonly resubmit: boolean;
  /** True for a job of another session, which is only watched. */
  readonly observed: boolean;
  /** True when the caller chose the key: an acceptance may bring a job that was submitted before under it. */
  readonly mayJoin?: boolean | undefined;
}
