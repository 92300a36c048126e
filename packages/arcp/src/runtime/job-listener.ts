import type { OutgoingPayload } from "./dialects/dialect.ts";
import type { JobMessage } from "./job-history.ts";
import type { ClientReading } from "./readings/reading.ts";

/** The job that a frame is about. */
export interface FrameJob {
  readonly id: string;
  readonly traceId?: string | undefined;
}

/** A job as those who listen know it. */
export interface ListenedJob extends FrameJob {
  readonly principal: string;
  readonly status: string;
  /** Sends an event to one listener only. */
  tell(listener: JobListener, kind: string, body: OutgoingPayload): void;
  /** Takes away a listener that is no more. */
  leave(listener: JobListener): void;
  /** Ends the job without a word to anyone. */
  vanish(): void;
}

/** Who gets what a job emits: a session, whether or not its client is connected at the moment. */
export interface JobListener {
  readonly id: string;
  readonly principal: string;
  /** Negotiated features. */
  readonly features: ReadonlySet<string>;
  readonly reading: ClientReading;
  readonly ended: boolean;
  /** Credentials were negotiated, over a transport that nobody can read along (ARCP §9.8.2). */
  readonly mayHoldCredentials: boolean;
  /** A credential's value went to it. */
  holdsSecrets: boolean;
  /** Unfinished jobs that it submitted, and jobs that it subscribed to. */
  readonly submitted: Set<ListenedJob>;
  readonly observed: Set<ListenedJob>;
  /** Sends a message of a job under the listener's next number. @returns that number; `undefined` when it is not for it. */
  deliver(message: JobMessage, job: FrameJob & { readonly principal: string }): number | undefined;
  /** Takes in a message that went to it in an earlier process, under its number then. */
  restore(message: JobMessage, seq: number, job: FrameJob): void;
  /** Settles once the client has caught up far enough for more; `undefined` when it has. */
  ready(): Promise<void> | undefined;
  /** Sends a frame without a number that a resume must bring again. */
  sendKept(type: string, payload: OutgoingPayload, job: FrameJob): void;
}
