import type { Secret } from "@imprest/core/internal";

/** What it takes to go on with a session later (ARCP §6.3): `connect(url, { resume: ticket, … })`. Holds a secret. */
export interface SessionTicket {
  readonly sessionId: string;
  readonly resumeToken: Secret;
  readonly lastEventSeq: number;
  /** The session's jobs that had not ended. Without it the runtime is asked which there are. */
  readonly jobs?: readonly string[] | undefined;
}
